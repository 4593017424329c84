package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// node returns a drawn node; its data is that of a palette's node with the
// pairs added.
func node(id, typ, namespace, name string, pairs ...any) object {
	data := object{"name": name, "namespace": namespace, "templateId": "core/" + typ}
	for i := 0; i < len(pairs); i += 2 {
		data[pairs[i].(string)] = pairs[i+1]
	}
	return object{"id": id, "type": typ, "position": object{"x": 0, "y": 0}, "data": data}
}

func edge(source, target string) object {
	return object{"id": "edge-" + source + "-" + target, "source": source, "target": target, "sourceHandle": "output", "targetHandle": nil}
}

// edges returns edges, written "source>target", as the canvas sends them.
func edges(pairs ...string) []object {
	list := []object{}
	for _, pair := range pairs {
		source, target, _ := strings.Cut(pair, ">")
		list = append(list, edge(source, target))
	}
	return list
}

// createWorkflow makes an empty workflow for the cluster dev and returns its id.
func (p *person) createWorkflow(t *testing.T) (id string) {
	t.Helper()
	return p.createWorkflowIn(t, dev)
}

// createWorkflowIn makes an empty workflow for a cluster and returns its id.
func (p *person) createWorkflowIn(t *testing.T, cluster string) (id string) {
	t.Helper()
	id, _ = p.ask(t, http.StatusCreated, "POST", "/workflows", object{"name": t.Name(), "cluster_id": cluster})["id"].(string)
	return id
}

// draw makes a workflow that is ready to run and returns its id.
func (p *person) draw(t *testing.T, nodes []object, edges []object) (id string) {
	t.Helper()
	id = p.createWorkflow(t)
	p.save(t, id, nodes, edges)
	p.publish(t, id)
	return id
}

// publish makes a workflow ready to run.
func (p *person) publish(t *testing.T, id string) {
	t.Helper()
	p.ask(t, http.StatusOK, "PUT", "/workflows/"+id+"/status", `{"status":"published"}`)
}

// save replaces the drawing of a workflow.
func (p *person) save(t *testing.T, id string, nodes []object, edges []object) {
	t.Helper()
	p.ask(t, http.StatusOK, "POST", "/workflows/"+id+"/save", object{"nodes": nodes, "edges": edges})
}

// run runs a workflow, requires that it completes and returns the run.
func (p *person) run(t *testing.T, id string, typed any) object {
	t.Helper()
	answer := p.ask(t, http.StatusOK, "POST", "/workflows/"+id+"/run", object{"trigger_data": typed})
	run := p.awaitEnd(t, id, answer["run_id"].(string))
	require.Equal(t, "completed", run["status"], run["error"])
	return run
}

// runFails runs a workflow, requires that it fails and returns the run.
func (p *person) runFails(t *testing.T, id string) object {
	t.Helper()
	res := p.call(t, "POST", api+"/workflows/"+id+"/run", p.token, "")
	facts := res.json(t)
	if details, ok := facts["details"].(object); ok {
		require.Contains(t, []int{http.StatusInternalServerError, http.StatusConflict}, res.StatusCode, res.text)
		facts = details
	}
	require.Contains(t, facts, "run_id", res.text)
	run := p.awaitEnd(t, id, facts["run_id"].(string))
	require.Equal(t, "failed", run["status"])
	require.NotEmpty(t, run["error"])
	return run
}

// awaitEnd waits until a run is over.
func (p *person) awaitEnd(t *testing.T, id, runID string) (run object) {
	t.Helper()
	kubetest.Eventually(t, "the end of run "+runID, func(context.Context) error {
		run = p.ask(t, http.StatusOK, "GET", "/workflows/"+id+"/runs/"+runID, nil)
		if run["status"] == "running" {
			return fmt.Errorf("it is running: %v", run["logs"])
		}
		return nil
	})
	return run
}

// runs returns the runs of a workflow, the newest first.
func (p *person) runs(t *testing.T, id string) []any {
	t.Helper()
	list, _ := p.ask(t, http.StatusOK, "GET", "/workflows/"+id+"/runs?limit=100", nil)["runs"].([]any)
	return list
}

// statuses returns what the stored workflow says of each node.
func (p *person) statuses(t *testing.T, id string) map[string]object {
	t.Helper()
	return statusesIn(p.ask(t, http.StatusOK, "GET", "/workflows/"+id, nil)["nodes"])
}

func statusesIn(nodes any) map[string]object {
	found := map[string]object{}
	list, _ := nodes.([]any)
	for _, n := range list {
		n, _ := n.(object)
		data, _ := n["data"].(object)
		id, _ := n["id"].(string)
		if status, ok := data["_status"].(object); ok {
			found[id] = status
		}
	}
	return found
}

// startRun asks for a run without waiting for the answer, and returns what gives
// the answer up. The run goes on without.
func (p *person) startRun(t *testing.T, id string) (leave func()) {
	t.Helper()
	return p.startRunAs(t, id, nil)
}

// startRunAs is startRun with a body.
func (p *person) startRunAs(t *testing.T, id string, how object) (leave func()) {
	t.Helper()
	body := ""
	if how != nil {
		text, err := json.Marshal(how)
		require.NoError(t, err)
		body = string(text)
	}
	ctx, cancel := context.WithCancel(t.Context())
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_, _, _ = p.send(ctx, "POST", "/workflows/"+id+"/run", body)
	}()
	leave = func() { cancel(); <-answered }
	t.Cleanup(leave)
	return leave
}

// awaitRunning waits until a workflow has a run that goes on and returns its id.
func (p *person) awaitRunning(t *testing.T, id string) (runID string) {
	t.Helper()
	kubetest.Eventually(t, "a run of "+id, func(context.Context) error {
		for _, run := range p.runs(t, id) {
			if run := run.(object); run["status"] == "running" {
				runID, _ = run["id"].(string)
				return nil
			}
		}
		return fmt.Errorf("there is none")
	})
	return runID
}

// manyConfigMaps is a drawing that takes a cluster a moment.
func manyConfigMaps(namespace string, count int) (nodes []object) {
	for i := range count {
		name := fmt.Sprintf("conf-%03d", i)
		nodes = append(nodes, node(name, "configmap", namespace, name, "data", object{"number": fmt.Sprint(i)}))
	}
	return nodes
}
