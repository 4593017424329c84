package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// setData changes a key of the ConfigMap conf.
func (i intruder) setData(value string) {
	i.t.Helper()
	i.edit("configmaps", "conf", func(o map[string]any) { o["data"].(map[string]any)["a"] = value })
}

func dataIs(value string) string { return "data.a: " + value + ", not b (kubectl-edit)" }

// dataOf returns the key of the ConfigMap conf, or "" when it is not there.
func (i intruder) dataOf() string {
	o, err := i.objects("configmaps").Get(i.t.Context(), "conf", getOptions())
	if err != nil {
		return ""
	}
	data, _ := o.Object["data"].(map[string]any)
	value, _ := data["a"].(string)
	return value
}

// Whichever server watches the cluster: each reader, at any server, is told of an edit
// once. When that server is killed, the next one goes on.
func TestDriftIsToldOnceBySeveralServers(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	s := startServers(t, 3)
	ann := s.all[0].ann()
	ann.addCluster(t, cluster)
	app := ann.deploy(t, dev, cluster)
	i := intruder{t, cluster, app.namespace}
	readers := map[*server]*stream{}
	for _, server := range s.all {
		readers[server] = ann.on(server).streamStatus(t, app.id)
	}
	for n := range 3 {
		i.setData(fmt.Sprint("edit ", n))
		for _, r := range readers {
			r.untilDrift(t, "conf", dataIs(fmt.Sprint("edit ", n)))
		}
	}
	i.setData("b") // as it was deployed
	for _, r := range readers {
		r.untilDrift(t, "conf", "none")
		require.Equal(t, []string{dataIs("edit 0"), dataIs("edit 1"), dataIs("edit 2"), "none"}, r.drifts(t, "conf"))
	}

	killed := s.all[1]
	killed.kill(t)
	i.setData("after the death")
	for server, r := range readers {
		if server != killed {
			r.untilDrift(t, "conf", dataIs("after the death"))
			require.Len(t, r.drifts(t, "conf"), 5)
		}
	}
	require.Equal(t, dataIs("after the death"), describeDrift(ann.on(s.all[2]).drift(t, app.id, "conf")))
	ann.on(s.all[2]).ask(t, http.StatusOK, "PUT", "/workflows/"+app.id+"/drift", object{"mode": "off"})
	for server, r := range readers {
		if server != killed {
			r.untilDrift(t, "conf", "none")
		}
	}
}

// What was changed while the server was down is found when somebody looks, and what is
// changed while a run goes on when that has ended.
func TestDriftOfWhatNobodySaw(t *testing.T) {
	t.Parallel()
	cluster, dir := shared.Cluster(t), dataDir(t)
	server := startIn(t, dir)
	ann := server.ann()
	ann.addCluster(t, cluster)
	app := ann.deploy(t, dev, cluster)
	i := intruder{t, cluster, app.namespace}
	server.kill(t)
	i.setData("while it was down")
	ann = ann.on(startIn(t, dir))
	require.Equal(t, dataIs("while it was down"), describeDrift(ann.drift(t, app.id, "conf")))
	reader := ann.streamStatus(t, app.id)
	kubetest.Eventually(t, "the notification", func(context.Context) error {
		for _, n := range ann.told(t) {
			if n["refId"] == app.id && n["type"] == "resource_warning" && strings.Contains(n["message"].(string), "data.a by kubectl-edit") {
				return nil
			}
		}
		return errors.New("nobody was told")
	})
	ann.run(t, app.id, nil)
	reader.untilDrift(t, "conf", "none")

	ann.save(t, app.id, append(manyConfigMaps(app.namespace, 60),
		node("conf", "configmap", app.namespace, "conf", "data", object{"a": "c"})), edges())
	leave := ann.startRun(t, app.id)
	run := ann.awaitRunning(t, app.id)
	i.setData("during the run")
	ann.awaitEnd(t, app.id, run)
	leave()
	want := "data.a: during the run, not c (kubectl-edit)"
	if i.dataOf() == "during the run" { // the run may have been later
		reader.untilDrift(t, "conf", want)
	}
	for _, said := range reader.drifts(t, "conf") {
		require.Contains(t, []string{"none", want, dataIs("while it was down")}, said, "a run is no drift")
	}
}

// In the mode correct drift is undone, but not for ever.
func TestCorrectionsAreNoFight(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	ann := newPerson(t, "ann")
	ann.addCluster(t, cluster)
	app := ann.deploy(t, dev, cluster)
	i := intruder{t, cluster, app.namespace}
	ann.ask(t, http.StatusOK, "PUT", "/workflows/"+app.id+"/drift", object{"mode": "correct"})
	i.remove("deployments", "web")
	kubetest.Eventually(t, "the Deployment is made again", func(ctx context.Context) error {
		_, err := i.objects("deployments").Get(ctx, "web", getOptions())
		return err
	})
	reader := ann.streamStatus(t, app.id)
	for n := range 3 {
		i.setData(fmt.Sprint("fight ", n))
		kubetest.Eventually(t, "a correction", func(context.Context) error {
			if now := i.dataOf(); now != "b" {
				return fmt.Errorf("it is %s", now)
			}
			return nil
		})
		reader.untilDrift(t, "conf", "none")
	}
	i.setData("enough")
	reader.untilDrift(t, "conf", dataIs("enough")+"; stopped")
	require.Equal(t, "enough", i.dataOf())
	require.Equal(t, models.CorrectionStopped, ann.drift(t, app.id, "conf").Correction.State)
	var titles []string
	for _, n := range ann.told(t) {
		if n["refId"] == app.id && n["type"] == "resource_warning" {
			titles = append(titles, n["title"].(string))
		}
	}
	require.Len(t, titles, 2)
	corrections := 0
	for _, run := range ann.runs(t, app.id) {
		if run.(object)["triggered_by"] == models.TriggeredByDrift {
			corrections++
		}
	}
	require.Equal(t, 4, corrections, "three of conf, one of web")
	w := ann.ask(t, http.StatusOK, "GET", "/workflows/"+app.id, nil)
	require.EqualValues(t, 1, w["run_count"], "a correction is no run of somebody's")

	ann.run(t, app.id, nil)
	reader.untilDrift(t, "conf", "none")
	i.setData("once more")
	kubetest.Eventually(t, "a correction after a run", func(context.Context) error {
		if now := i.dataOf(); now != "b" {
			return fmt.Errorf("it is %s", now)
		}
		return nil
	})
}
