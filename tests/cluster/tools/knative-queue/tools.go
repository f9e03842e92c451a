//go:build tools

// Package tools names the commands that this module pins.
package tools

import _ "knative.dev/serving/cmd/queue"
