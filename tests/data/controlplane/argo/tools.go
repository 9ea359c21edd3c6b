//go:build tools

// Package tools names the programs that are built here, so that go.mod and go.sum hold what they need.
package tools

import (
	_ "github.com/argoproj/argo-workflows/v4/cmd/argoexec"
	_ "github.com/argoproj/argo-workflows/v4/cmd/workflow-controller"
)
