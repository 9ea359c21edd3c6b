//go:build tools

// Package victorialogs names the server that the integration tests build, so that go.mod and go.sum pin it.
package victorialogs

import _ "github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs"
