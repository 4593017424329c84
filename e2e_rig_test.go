package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

const (
	api = "/v1/api"
	dev = "dev" // what people here call their cluster
)

// person is somebody who is signed in to a server.
type person struct {
	*running
	token string
}

// ask calls a path below the base of the API with body, which is JSON already
// when it is a string, and requires the status.
func (p *person) ask(t *testing.T, status int, method, path string, body any) map[string]any {
	t.Helper()
	res := p.call(t, method, api+path, p.token, encoded(t, body))
	require.Equal(t, status, res.StatusCode, "%s %s: %s", method, path, res.text)
	return res.json(t)
}

func encoded(t *testing.T, body any) string {
	t.Helper()
	switch body := body.(type) {
	case nil:
		return ""
	case string:
		return body
	default:
		text, err := json.Marshal(body)
		require.NoError(t, err)
		return string(text)
	}
}

// object is what JSON calls one.
type object = map[string]any

// add registers c under the name dev.
func (p *person) add(t *testing.T, c *kubetest.Cluster) {
	t.Helper()
	added := p.ask(t, http.StatusCreated, "POST", "/clusters", clusterInput(dev, c))
	require.Equal(t, "connected", added["status"])
}

func clusterInput(name string, c *kubetest.Cluster) object {
	return object{"name": name, "server": c.Server(), "authType": "token",
		"credentials": object{"token": c.Token(), "caData": string(c.CA())}}
}

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

// draw makes a workflow that is ready to run and returns its id.
func (p *person) draw(t *testing.T, nodes []object, edges []object) string {
	t.Helper()
	id, _ := p.ask(t, http.StatusCreated, "POST", "/workflows", object{"name": t.Name(), "cluster_id": dev})["id"].(string)
	p.save(t, id, nodes, edges)
	p.ask(t, http.StatusOK, "PUT", "/workflows/"+id+"/status", `{"status":"published"}`)
	return id
}

func (p *person) save(t *testing.T, id string, nodes []object, edges []object) {
	t.Helper()
	p.ask(t, http.StatusOK, "POST", "/workflows/"+id+"/save", object{"nodes": nodes, "edges": edges})
}

// run runs a workflow, requires that it completes and returns the run.
func (p *person) run(t *testing.T, id string, typed any) object {
	t.Helper()
	answer := p.ask(t, http.StatusOK, "POST", "/workflows/"+id+"/run", object{"trigger_data": typed})
	run := p.ended(t, id, answer["run_id"].(string))
	require.Equal(t, "completed", run["status"], run["error"])
	return run
}

// runFails runs a workflow, requires that it fails and returns the run.
func (p *person) runFails(t *testing.T, id string) object {
	t.Helper()
	res := p.call(t, "POST", api+"/workflows/"+id+"/run", p.token, "")
	facts := res.json(t)
	if details, ok := facts["details"].(object); ok {
		require.Equal(t, http.StatusInternalServerError, res.StatusCode, res.text)
		facts = details
	}
	require.Contains(t, facts, "run_id", res.text)
	run := p.ended(t, id, facts["run_id"].(string))
	require.Equal(t, "failed", run["status"])
	require.NotEmpty(t, run["error"])
	return run
}

// ended waits until a run is over.
func (p *person) ended(t *testing.T, id, runID string) (run object) {
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

// unusedNamespace returns a name that no namespace of c has. What a run makes
// of it is deleted at the end of the test.
func unusedNamespace(t *testing.T, c *kubetest.Cluster) string {
	t.Helper()
	name := "e2e-" + strings.ToLower(rand.Text()[:12])
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		err := c.Client().CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Logf("namespace %s stays: %v", name, err)
		}
	})
	return name
}

// send is call for goroutines that are not the test's.
func (p *person) send(ctx context.Context, method, path, body string) (status int, text string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, p.url+api+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+p.token)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, string(answer), err
}

// begin asks for a run without waiting for the answer, and returns what gives
// the answer up. The server is not to mind.
func (p *person) begin(t *testing.T, id string) (leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_, _, _ = p.send(ctx, "POST", "/workflows/"+id+"/run", "")
	}()
	leave = func() { cancel(); <-answered }
	t.Cleanup(leave)
	return leave
}

// goingOn waits until a workflow has a run that goes on and returns its id.
func (p *person) goingOn(t *testing.T, id string) (runID string) {
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

// further returns a channel that tells when so many further ConfigMaps of a
// workflow are in the cluster.
func further(t *testing.T, c *kubetest.Cluster, workflow string, count int) <-chan struct{} {
	t.Helper()
	ours := metav1.ListOptions{LabelSelector: "kubeorch.io/workflow=" + workflow}
	list, err := c.Client().CoreV1().ConfigMaps("").List(t.Context(), ours)
	require.NoError(t, err)
	ours.ResourceVersion = list.ResourceVersion
	w, err := c.Client().CoreV1().ConfigMaps("").Watch(t.Context(), ours)
	require.NoError(t, err)
	t.Cleanup(w.Stop)
	seen := make(chan struct{})
	go func() {
		defer close(seen)
		for range count {
			<-w.ResultChan()
		}
	}()
	return seen
}

// configMaps counts the ConfigMaps of a workflow.
func configMaps(t *testing.T, c *kubetest.Cluster, workflow string) int {
	t.Helper()
	list, err := c.Client().CoreV1().ConfigMaps("").List(t.Context(), metav1.ListOptions{LabelSelector: "kubeorch.io/workflow=" + workflow})
	require.NoError(t, err)
	return len(list.Items)
}
