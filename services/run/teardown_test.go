package run

import (
	"encoding/json"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// notedEvents keeps what was published.
type notedEvents struct {
	mu   sync.Mutex
	list []notedEvent
}

type notedEvent struct {
	key, name string
	data      any
}

func (n *notedEvents) Publish(key, event string, data any) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(n.list, notedEvent{key, event, data})
	return nil
}

func TestReadersOfAStreamSeeATearDown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	events := &notedEvents{}
	r.exec.deps.Events = events
	w := r.draw("web:deployment svc:service data:persistentvolumeclaim pw:secret svc>web")
	r.mustRun(w.ID, typedSecret("pw", "password", "abcdef"))
	for node, state := range map[string]string{"web": "healthy", "svc": "healthy", "data": "Bound"} {
		require.NoError(t, r.workflows.SetNodeStatus(t.Context(), w.ID, node, map[string]any{"state": state}, nil))
	}
	r.exec.TearDown(t.Context(), w, false)

	ofWorkflow := slices.DeleteFunc(events.list, func(e notedEvent) bool { return e.key != models.WorkflowStream(w.ID) })
	last := ofWorkflow[len(ofWorkflow)-1]
	require.Equal(t, models.EventWorkflowSync, last.name)
	sent, err := json.Marshal(last.data)
	require.NoError(t, err)
	var got struct {
		Nodes []struct {
			ID   string
			Data map[string]struct{ State, Message string }
		}
	}
	require.NoError(t, json.Unmarshal(sent, &got))
	states := map[string]string{}
	for _, n := range got.Nodes {
		require.Len(t, n.Data, 1, "nothing but the status is sent")
		states[n.ID] = n.Data[models.StatusKey].State
	}
	require.Equal(t, map[string]string{"web": "partial", "svc": "partial", "data": "Bound", "pw": "pending"}, states)
	shown, err := r.workflows.Get(t.Context(), ann, w.ID)
	require.NoError(t, err)
	require.NotContains(t, shown.Nodes[0].Data, models.StatusKey, "the document has none")
}
