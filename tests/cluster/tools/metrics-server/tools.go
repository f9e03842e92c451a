//go:build tools

// Package tools names the commands that this module pins.
package tools

import _ "sigs.k8s.io/metrics-server/cmd/metrics-server"
