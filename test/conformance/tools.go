//go:build tools

// Package conformance pins what the conformance run is made of; see build.
package conformance

import (
	_ "sigs.k8s.io/cri-tools/pkg/benchmark"
	_ "sigs.k8s.io/cri-tools/pkg/validate"
)
