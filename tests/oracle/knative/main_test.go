// Package oracle runs traces through Knative's own autoscaler.
//
// One trace a line of JSON comes in on standard input, one line of answers goes out. It is a test binary because
// testing/synctest gives Knative's code, which reads the clock of the machine, the time of the trace.
package oracle

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"testing"
	"testing/synctest"
)

// Trace is one revision over time.
type Trace struct {
	// Specs are the settings that events refer to; the first is in force at the beginning.
	Specs  []Spec  `json:"specs"`
	Events []Event `json:"events"`
}

// Event is something that happens AtMs milliseconds after the beginning. Exactly one of the others is set.
type Event struct {
	AtMs      int64    `json:"at_ms"`
	Observe   *Observe `json:"observe,omitempty"`
	Tick      *Tick    `json:"tick,omitempty"`
	Configure *int     `json:"configure,omitempty"`
	Restart   *Restart `json:"restart,omitempty"`
}

// Observe is a measurement of the second that contains AtMs milliseconds after the beginning.
type Observe struct {
	OfMs int64   `json:"of_ms"`
	Load float64 `json:"load"`
}

// Tick asks for a decision.
type Tick struct {
	Ready  int  `json:"ready"`
	Routed bool `json:"routed"`
}

// Restart forgets everything, as a new process does, which finds these pods ready.
type Restart struct {
	Ready int `json:"ready"`
}

// Answer is one decision.
type Answer struct {
	// Valid is false where Knative has no data and leaves everything as it is.
	Valid   bool    `json:"valid"`
	Desired int32   `json:"desired"`
	Panic   bool    `json:"panic"`
	Stable  float64 `json:"stable"`
	Burst   float64 `json:"burst"`
	Target  float64 `json:"target"`
	Bounded int32   `json:"bounded"`
}

func TestTraces(t *testing.T) {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		var trace Trace
		if err := json.Unmarshal(line, &trace); err != nil {
			t.Fatal(err)
		}
		answers := []Answer{}
		synctest.Test(t, func(t *testing.T) { answers = follow(t, &trace) })
		line, err = json.Marshal(answers)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(append(line, '\n'))
		if err := out.Flush(); err != nil {
			t.Fatal(err)
		}
	}
}
