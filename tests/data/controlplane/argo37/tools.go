//go:build tools

// Package tools names what ../expressions is built with here, so that go.mod and go.sum hold what it needs.
package tools

import _ "github.com/argoproj/argo-workflows/v3/util/template"
