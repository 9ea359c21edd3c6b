//go:build tools

// Package manifests pins the programs that render the manifests in tests.
package manifests

import (
	_ "helm.sh/helm/v3/cmd/helm"
	_ "sigs.k8s.io/kustomize/kustomize/v5"
)
