package drift

import (
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// looked are the watchers of a service.
type looked struct {
	mu    sync.Mutex
	calls []string
}

func (l *looked) Look(id string)  { l.note("look " + id) }
func (l *looked) Watch(id string) { l.note("watch " + id) }

func (l *looked) note(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, text)
}

func (r *rig) service() (*Service, *looked) {
	l := &looked{}
	return NewService(r.workflows, r.records, r.Detector, l), l
}

func TestDriftOfWhatNobodyWatches(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	require.NoError(t, r.workflows.SetInventory(t.Context(), r.wf.ID, []models.OwnedObject{
		{Kind: "Deployment", Name: "web", Applied: models.Applied{NodeID: "web", UID: "1"}},
		{Kind: "Deployment", Name: "web", Applied: models.Applied{NodeID: "web", UID: "2"}}, {Kind: "Job", Name: "never applied"},
	}))
	s, l := r.service()
	r.live["web"] = "bad"
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			d, err := s.Get(t.Context(), ann, r.wf.ID)
			if err != nil || len(d.Drifts) != 1 || describe(&d.Drifts[0]) != "configured bad" || d.CheckedAt == nil {
				t.Errorf("%v %v", d, err)
			}
		})
	}
	asking.Wait()
	require.Equal(t, []string{"web"}, r.asked, "it is compared once for all")
	require.Contains(t, l.calls, "look "+r.wf.ID)
	require.Nil(t, r.stored("web"), "who watches the cluster stores it")

	r.see()
	take(&r.asked)
	d, err := s.Get(t.Context(), ann, r.wf.ID)
	require.NoError(t, err)
	require.Len(t, d.Drifts, 1)
	require.Empty(t, r.asked, "it is watched, so what is stored is how it is")

	s, _ = r.service()
	r.restart()
	s.detector, r.running = r.Detector, true
	d, err = s.Get(t.Context(), ann, r.wf.ID)
	require.NoError(t, err)
	require.Len(t, d.Drifts, 1, "what was known before")
	require.Contains(t, d.Message, "a run is in progress")

	_, err = s.Get(t.Context(), bob, r.wf.ID)
	require.Equal(t, models.NotFound, models.KindOf(err))
	_, err = s.Set(t.Context(), bob, r.wf.ID, models.DriftPatch{})
	require.Equal(t, models.NotFound, models.KindOf(err))
}

func TestSettings(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s, l := r.service()
	mode, fight := models.DriftCorrect, "fight"
	got, err := s.Set(t.Context(), ann, r.wf.ID, models.DriftPatch{Ignored: &map[string][]string{"web": {"spec.replicas"}}})
	require.NoError(t, err)
	require.Equal(t, models.DriftShow, got.Mode)
	got, err = s.Set(t.Context(), ann, r.wf.ID, models.DriftPatch{Mode: &mode})
	require.NoError(t, err)
	require.Equal(t, models.DriftSettings{Mode: mode, Ignored: map[string][]string{"web": {"spec.replicas"}}}, got)
	require.Equal(t, []string{"watch " + r.wf.ID, "watch " + r.wf.ID}, l.calls)

	_, err = s.Set(t.Context(), ann, r.wf.ID, models.DriftPatch{Mode: &fight, Ignored: &map[string][]string{"gone": {}}})
	wrong, _ := errors.AsType[*models.Error](err)
	require.Equal(t, models.Invalid, wrong.Kind)
	require.Equal(t, "ignored[gone]", wrong.Problems[0].Field)
	require.Equal(t, "mode", wrong.Problems[1].Field)

	_, err = r.workflows.Update(t.Context(), ann, r.wf.ID, models.WorkflowPatch{Nodes: &[]models.Node{}}, models.Now())
	require.NoError(t, err)
	got, err = s.Set(t.Context(), ann, r.wf.ID, models.DriftPatch{})
	require.NoError(t, err)
	require.Empty(t, got.Ignored, "the node has left the drawing")

	off := models.DriftOff
	_, err = s.Set(t.Context(), ann, r.wf.ID, models.DriftPatch{Mode: &off})
	require.NoError(t, err)
	d, err := s.Get(t.Context(), ann, r.wf.ID)
	require.NoError(t, err)
	require.Equal(t, models.Drift{DriftSettings: models.DriftSettings{Mode: off, Ignored: map[string][]string{}}, Drifts: []models.NodeDrift{}}, d)
}
