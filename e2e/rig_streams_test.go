package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// event is one event of a stream, as it came.
type event struct {
	id, name, data string
	at             time.Time
}

// stream reads the status stream of a workflow and keeps the nodes' statuses,
// both as the canvas does.
type stream struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when the stream has ended

	mu     sync.Mutex
	events []event
	status map[string]object // by node id
	faults []string          // what a browser would have stumbled over
}

// streamStatus opens the status stream of a workflow and returns when its first
// event is there. The stream is closed at the end of the test at the latest.
func (p *person) streamStatus(t *testing.T, id string, header ...string) *stream {
	t.Helper()
	return p.stream(t, "/workflows/"+id+"/status/stream", header...)
}

// stream opens any stream of events as streamStatus does.
func (p *person) stream(t *testing.T, path string, header ...string) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := &stream{cancel: cancel, done: make(chan struct{}), status: map[string]object{}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+api+path, http.NoBody)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+p.token)
	req.Header.Set("Accept", "text/event-stream")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
	require.Equal(t, "no-cache", res.Header.Get("Cache-Control"))
	go func() {
		defer close(s.done)
		defer func() { _ = res.Body.Close() }()
		s.read(bufio.NewReader(res.Body))
	}()
	t.Cleanup(func() {
		cancel()
		<-s.done
		require.Empty(t, s.faults)
	})
	s.until(t, "the first event", func() error {
		if len(s.events) == 0 {
			return fmt.Errorf("nothing came")
		}
		return nil
	})
	return s
}

var (
	eventLine = regexp.MustCompile(`(?m)^event:\s*(.+)$`)
	dataLine  = regexp.MustCompile(`(?m)^data:\s*(.+)$`)
	idLine    = regexp.MustCompile(`(?m)^id:\s*(.+)$`)
)

func (s *stream) read(from *bufio.Reader) {
	var block strings.Builder
	for {
		line, err := from.ReadString('\n')
		if err != nil {
			return
		}
		if line != "\n" {
			block.WriteString(line)
			continue
		}
		s.take(block.String())
		block.Reset()
	}
}

// take takes a block in that a blank line has ended.
func (s *stream) take(block string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, data := eventLine.FindStringSubmatch(block), dataLine.FindStringSubmatch(block)
	if name == nil || data == nil {
		if !strings.HasPrefix(block, ":") {
			s.faults = append(s.faults, "skipped by browsers: "+block)
		}
		return
	}
	ev := event{name: name[1], data: data[1], at: time.Now()}
	if id := idLine.FindStringSubmatch(block); id != nil {
		ev.id = id[1]
	}
	s.events = append(s.events, ev)
	if strings.ContainsAny(block, "\r\u2028\u2029") {
		s.faults = append(s.faults, "cut off by browsers: "+block)
	}
	s.apply(ev)
}

// apply does to the statuses what the canvas does.
func (s *stream) apply(ev event) {
	if ev.name == "complete" || ev.name == "error" {
		if !json.Valid([]byte(ev.data)) {
			s.faults = append(s.faults, "not JSON: "+ev.data)
		}
		return
	}
	var parsed object
	if err := json.Unmarshal([]byte(ev.data), &parsed); err != nil {
		s.faults = append(s.faults, "not JSON: "+ev.data)
		return
	}
	data, enveloped := parsed["data"].(object)
	if !enveloped {
		data = parsed
	}
	switch ev.name {
	case "metadata", "workflow_sync":
		maps.Copy(s.status, statusesIn(data["nodes"]))
	case "node_update":
		id, _ := data["node_id"].(string)
		s.status[id], _ = data["status"].(object)
	}
}

// until waits until check, which may look at s, returns nil.
func (s *stream) until(t *testing.T, what string, check func() error) {
	t.Helper()
	kubetest.Eventually(t, what, func(context.Context) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		return check()
	})
}

// untilStates waits until every node of want has one of the states that it
// names, separated by spaces.
func (s *stream) untilStates(t *testing.T, want map[string]string) {
	t.Helper()
	s.until(t, "the states of nodes in the stream", func() error {
		var open []string
		for id, states := range want {
			state, _ := s.status[id]["state"].(string)
			if !strings.Contains(" "+states+" ", " "+state+" ") || state == "" {
				open = append(open, fmt.Sprintf("%s is %v, not %s", id, s.status[id], states))
			}
		}
		if len(open) > 0 {
			return fmt.Errorf("%s", strings.Join(open, "; "))
		}
		return nil
	})
}

// untilMessage waits until the status of a node holds text, and returns when
// that arrived.
func (s *stream) untilMessage(t *testing.T, id, text string) (at time.Time) {
	t.Helper()
	s.until(t, fmt.Sprintf("%q in the status of %s", text, id), func() error {
		for _, ev := range s.events {
			if ev.name == "node_update" && strings.Contains(ev.data, text) && strings.Contains(ev.data, `"node_id":"`+id+`"`) {
				at = ev.at
				return nil
			}
		}
		return fmt.Errorf("it is %v", s.status[id])
	})
	return at
}

// of returns the present status of a node.
func (s *stream) of(id string) object {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.status[id])
}

// names returns the names of the events so far.
func (s *stream) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]string, len(s.events))
	for i, ev := range s.events {
		list[i] = ev.name
	}
	return list
}

// seen returns the events so far.
func (s *stream) seen() []event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]event(nil), s.events...)
}
