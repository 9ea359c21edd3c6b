"""OpenTelemetry's protocol: how it is written."""
