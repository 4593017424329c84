package drift

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/services/servicetest"
)

const (
	ann = "aaaaaaaaaaaaaaaaaaaaaaaa"
	bob = "bbbbbbbbbbbbbbbbbbbbbbbb"
)

// rig is a detector over a real store, with runs and a watch in memory. Its tests are
// the queue: they check when they want to.
type rig struct {
	*Detector

	t         *testing.T
	clock     *servicetest.Clock
	records   *repositories.Drifts
	workflows *repositories.Workflows
	wf        models.Workflow

	running   bool
	live      map[string]string // node id to the present image, "" for a node that is gone; "good" is as deployed
	corrects  func(node string) error
	asked     []string // the nodes of each preview
	corrected []string // and of each correction
	told      []string // events: "web drift good>bad", "web none"
	notices   []string
	held      bool
	sightings int
}

func newRig(t *testing.T) *rig {
	t.Helper()
	db := dbtest.Open(t).Database()
	r := &rig{
		t: t, clock: servicetest.NewClock(), records: repositories.NewDrifts(db), workflows: repositories.NewWorkflows(db),
		live: map[string]string{"web": "good", "api": "good"}, held: true,
	}
	r.corrects = func(node string) error { r.live[node] = "good"; return nil }
	at := r.clock.Now()
	r.wf = models.Workflow{
		ID: models.NewID(), OwnerID: ann, Name: "shop", Status: models.WorkflowPublished, LastRunAt: &at, CreatedAt: at, UpdatedAt: at,
		Nodes: []models.Node{{ID: "web", Type: "deployment"}, {ID: "api", Type: "deployment"}}, Edges: []models.Edge{}, Tags: []string{},
	}
	require.NoError(t, r.workflows.Insert(t.Context(), r.wf))
	r.restart()
	return r
}

// restart puts another detector in the place of the present one, as on another server.
func (r *rig) restart() {
	r.Detector = NewDetector(Deps{
		Records: r.records, Workflows: r.workflows, Events: r, Notifier: r, Log: slog.New(slog.DiscardHandler), Now: r.clock.Now,
	})
	r.Attach(r, r)
	stop := r.Stop
	r.t.Cleanup(func() { require.NoError(r.t, stop(context.WithoutCancel(r.t.Context()))) })
}

// see has the detector see what is live, and check it until there is nothing to do now.
func (r *rig) see() {
	r.t.Helper()
	r.sightings++
	s := models.DriftSighting{WorkflowID: r.wf.ID, ReadAt: r.clock.Now()}
	for _, node := range []string{"web", "api"} {
		if image := r.live[node]; image != "good" {
			s.Suspects = append(s.Suspects, models.DriftSuspect{
				Object: models.OwnedObject{Kind: "Deployment", Name: node, Applied: models.Applied{NodeID: node, UID: "1", Fields: "f"}},
				UID:    strings.Repeat("1", min(1, len(image))), Fields: image, State: fmt.Sprint(r.sightings),
			})
		}
	}
	r.Seen(s)
	r.check()
}

func (r *rig) check() {
	r.t.Helper()
	w := r.watched[r.wf.ID]
	again, err := r.Detector.check(r.t.Context(), w)
	for err == nil && again == askPause {
		r.clock.Move(askPause)
		again, err = r.Detector.check(r.t.Context(), w)
	}
	require.NoError(r.t, err)
}

func (r *rig) set(mode string, ignored ...string) {
	r.t.Helper()
	s := models.DriftSettings{Mode: mode, Ignored: map[string][]string{"web": ignored}}
	require.NoError(r.t, r.records.SetSettings(r.t.Context(), r.wf.ID, s))
	r.clock.Move(askPause)
}

// stored returns the drift of a node as it is stored.
func (r *rig) stored(node string) *models.NodeDrift {
	r.t.Helper()
	record, err := r.records.Get(r.t.Context(), r.wf.ID)
	require.NoError(r.t, err)
	return nodeIn(record.Nodes, node)
}

// take returns what was told since the last call.
func take(list *[]string) []string {
	all := *list
	*list = nil
	return all
}

func (r *rig) Running(context.Context, string) (bool, error) { return r.running, nil }

func (r *rig) PreviewDeployed(_ context.Context, _ string, nodes []string) (plans []models.NodePlan, err error) {
	r.asked = append(r.asked, strings.Join(nodes, " "))
	for _, node := range nodes {
		o := models.ObjectDiff{Kind: "Deployment", Name: node, Action: "unchanged"}
		switch image := r.live[node]; image {
		case "good", "other spelling":
		case "":
			o.Action = "created"
		case "added":
			o.Additions = []models.FieldAddition{{Path: "metadata.labels.x", Manager: "kubectl"}}
		default:
			o.Action, o.Changes = "configured", []models.FieldChange{{Path: "spec.image", From: image, To: "good", Manager: "kubectl"}}
		}
		plans = append(plans, models.NodePlan{NodeID: node, Type: "deployment", Name: node, Objects: []models.ObjectDiff{o}})
	}
	return plans, nil
}

func (r *rig) Correct(_ context.Context, _ string, nodes []string) (models.Run, error) {
	r.corrected = append(r.corrected, strings.Join(nodes, " "))
	for _, node := range nodes {
		if err := r.corrects(node); err != nil {
			return models.Run{}, err
		}
	}
	return models.Run{Status: models.RunCompleted}, nil
}

func (r *rig) WhileHeld(_ models.WatchFence, store func() error) error {
	if !r.held {
		return &models.Error{Kind: models.Conflict}
	}
	return store()
}

func (r *rig) Publish(key, event string, data any) error {
	require.Equal(r.t, "workflow:"+r.wf.ID+" drift", key+" "+event)
	u := data.(models.DriftUpdate)
	r.told = append(r.told, u.NodeID+" "+describe(u.Drift))
	if now := r.stored(u.NodeID); describe(now) != describe(u.Drift) {
		r.t.Errorf("told before it was stored: %s", describe(u.Drift))
	}
	return nil
}

func describe(n *models.NodeDrift) string {
	if n == nil {
		return "none"
	}
	var words []string
	for _, o := range n.Objects {
		words = append(words, o.Action)
		for _, c := range o.Changes {
			words = append(words, fmt.Sprint(c.From))
		}
	}
	if !n.Drifted {
		words = []string{"added"}
	}
	return strings.TrimSpace(strings.Join(append(words, state(*n)), " "))
}

func (r *rig) Drifted(_ context.Context, w models.Workflow, nodes []models.NodeDrift) error {
	for _, n := range nodes {
		r.notices = append(r.notices, w.Name+" "+n.NodeID+" "+describe(&n))
	}
	slices.Sort(r.notices)
	return nil
}
