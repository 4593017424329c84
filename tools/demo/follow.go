package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/kubeorch/core/tools/internal/api"
)

const (
	// settleTime is how long the demo waits for the application. On a real
	// cluster images are pulled in that time.
	settleTime = 3 * time.Minute

	// quietTime without any change ends the wait early: a cluster without an
	// ingress controller or a metrics server has nodes that never settle.
	quietTime = 30 * time.Second
)

// errQuiet ends the wait when nothing has changed for quietTime.
var errQuiet = errors.New("nothing changes any more")

// settled reports whether a node of that state is final.
func settled(state string) bool {
	switch state {
	case "healthy", "created", "Bound", "completed", "active", "suspended", "stable", "limited":
		return true
	}
	return false
}

// board holds the last state of each node.
type board struct {
	begin time.Time
	names map[string]string // node id to "type name"
	state map[string]string // node id to its last state
}

// follow prints every change of status until all nodes have settled, nothing has
// changed for quietTime, or settleTime has passed. It returns a sentence about the
// outcome.
func follow(ctx context.Context, c *api.Client, id string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	ctx, giveUp := context.WithCancelCause(ctx)
	quiet := time.AfterFunc(quietTime, func() { giveUp(errQuiet) })
	defer quiet.Stop()
	b := &board{begin: time.Now(), names: map[string]string{}, state: map[string]string{}}
	say("following GET /workflows/%s/status/stream", id)
	err := c.Stream(ctx, "/workflows/"+id+"/status/stream", func(ev api.Event) bool {
		switch ev.Name {
		case "metadata":
			b.load(ev.Data)
		case "node_update":
			b.update(ev.Data)
		}
		quiet.Reset(quietTime)
		return b.waiting() > 0
	})
	switch n := b.waiting(); {
	case n == 0:
		return fmt.Sprintf("all %d nodes have settled", len(b.names)), nil
	case errors.Is(context.Cause(ctx), errQuiet), errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return fmt.Sprintf("%d of %d nodes have settled, the others are shown above", len(b.names)-n, len(b.names)), nil
	case err != nil:
		return "", fmt.Errorf("stream: %w", err)
	}
	return "", fmt.Errorf("the server ended the stream with %d nodes unsettled", b.waiting())
}

func (b *board) load(data json.RawMessage) {
	var w struct {
		Nodes []struct {
			ID, Type string
			Data     struct {
				Name   string
				Status map[string]any `json:"_status"`
			}
		}
	}
	if json.Unmarshal(data, &w) != nil {
		return
	}
	for _, n := range w.Nodes {
		b.names[n.ID] = fmt.Sprintf("%-22s %s", n.Type, n.Data.Name)
		if n.Data.Status != nil {
			b.show(n.ID, n.Data.Status)
		}
	}
}

func (b *board) update(data json.RawMessage) {
	var u api.NodeUpdate
	if json.Unmarshal(data, &u) == nil {
		b.show(u.Data.NodeID, u.Data.Status)
	}
}

func (b *board) show(id string, status map[string]any) {
	state, _ := status["state"].(string)
	b.state[id] = state
	line := fmt.Sprintf("    %6.1fs  %-42s %s", time.Since(b.begin).Seconds(), b.names[id], state)
	if ready, ok := status["readyReplicas"]; ok {
		line += fmt.Sprintf(" %v/%v", ready, status["replicas"])
	}
	if text, _ := status["message"].(string); text != "" {
		line += "  " + text
	}
	fmt.Println(line)
}

// waiting counts the nodes that have not settled. It is at least 1 before the first
// event.
func (b *board) waiting() int {
	if len(b.names) == 0 {
		return 1
	}
	n := 0
	for id := range b.names {
		if !settled(b.state[id]) {
			n++
		}
	}
	return n
}

// explain prints what to try while everything runs.
func explain(c *api.Client, id string) {
	say("everything keeps running; Ctrl-C stops it. Try in another terminal:")
	fmt.Printf(`
    TOKEN=$(curl -s %[1]s/auth/login -H 'Content-Type: application/json' \
      -d '{"email":"%[2]s","password":"%[3]s"}' | sed 's/.*"token":"\([^"]*\)".*/\1/')
    curl -s -H "Authorization: Bearer $TOKEN" %[1]s/clusters
    curl -s -H "Authorization: Bearer $TOKEN" %[1]s/workflows/%[4]s
    curl -N -H "Authorization: Bearer $TOKEN" %[1]s/workflows/%[4]s/status/stream
    curl -s -X POST -H "Authorization: Bearer $TOKEN" %[1]s/workflows/%[4]s/run

`, c.Base, email, password, id)
	say("the API is at %s", c.Base)
}
