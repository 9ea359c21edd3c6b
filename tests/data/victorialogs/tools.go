//go:build tools

// Package victorialogs names the server that the integration tests build, so that go.mod and go.sum pin it.
package victorialogs

import _ "github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-logs"
