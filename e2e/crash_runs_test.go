package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// killsVariable says how many times TestServerKilledAtRandomMoments kills the server.
const killsVariable = "KUBEORCH_TEST_KILLS"

// The drawing of the crash test has 30 nodes.
const (
	crashConfigs, crashWorkloads, crashServices = 12, 10, 8
	roundsPerWorkflow                           = 10 // a list shows 100 runs
)

// crashing is a workflow whose server is killed again and again.
type crashing struct {
	cluster   *kubetest.Cluster
	namespace string
	id        string
	known     map[string]bool // ids of the runs that were seen
	theirs    map[string]string
}

// drawing returns the nodes of a round, and how they are joined. Each round changes
// all of them, and replaces one.
func (c *crashing) drawing(round int) (nodes []object, joined []object) {
	mark := strconv.Itoa(round)
	var pairs []string
	for i := range crashConfigs {
		name := fmt.Sprintf("conf-%02d", i)
		if i == 0 {
			name += "-" + mark
		}
		nodes = append(nodes, node(name, "configmap", c.namespace, name, "data", object{"round": mark}))
	}
	for i := range crashWorkloads {
		name := fmt.Sprintf("web-%02d", i)
		nodes = append(nodes, node(name, "deployment", c.namespace, name, "image", "nginx:1."+mark, "replicas", i%2))
		pairs = append(pairs, fmt.Sprintf("conf-%02d>%s", i+1, name))
	}
	for i := range crashServices {
		name := fmt.Sprintf("svc-%02d", i)
		nodes = append(nodes, node(name, "service", c.namespace, name, "port", 8000+round%1000))
		pairs = append(pairs, fmt.Sprintf("%s>web-%02d", name, i))
	}
	return nodes, edges(pairs...)
}

// requireGraph requires that the cluster holds what a round drew, and nothing else of
// the workflow.
func (c *crashing) requireGraph(t *testing.T, round int) {
	t.Helper()
	ctx, mark := t.Context(), strconv.Itoa(round)
	ours := metav1.ListOptions{LabelSelector: "kubeorch.io/workflow=" + c.id}
	configs, err := c.cluster.Client().CoreV1().ConfigMaps("").List(ctx, ours)
	require.NoError(t, err)
	require.Len(t, configs.Items, crashConfigs)
	for _, o := range configs.Items {
		require.Equal(t, mark, o.Data["round"], o.Name)
	}
	workloads, err := c.cluster.Client().AppsV1().Deployments("").List(ctx, ours)
	require.NoError(t, err)
	require.Len(t, workloads.Items, crashWorkloads)
	for _, o := range workloads.Items {
		require.Equal(t, "nginx:1."+mark, o.Spec.Template.Spec.Containers[0].Image, o.Name)
	}
	services, err := c.cluster.Client().CoreV1().Services("").List(ctx, ours)
	require.NoError(t, err)
	require.Len(t, services.Items, crashServices)
	for _, o := range services.Items {
		require.EqualValues(t, 8000+round%1000, o.Spec.Ports[0].Port, o.Name)
	}
	for name, version := range c.theirs {
		o, err := c.cluster.Client().CoreV1().ConfigMaps(c.namespace).Get(ctx, name, metav1.GetOptions{})
		require.NoError(t, err)
		require.Equal(t, version, o.ResourceVersion, "%s is somebody else's", name)
	}
}

// beginCrashing draws a workflow beside objects of somebody else.
func beginCrashing(t *testing.T, p *person, cluster *kubetest.Cluster) *crashing {
	t.Helper()
	c := &crashing{cluster: cluster, namespace: cluster.Namespace(t), known: map[string]bool{}, theirs: map[string]string{}}
	c.id = p.createWorkflow(t)
	nodes, joined := c.drawing(0)
	p.save(t, c.id, nodes, joined)
	p.publish(t, c.id)
	for name, labels := range map[string]map[string]string{
		"conf-by-hand": nil, "conf-like-ours": {"kubeorch.io/workflow": "another", "app.kubernetes.io/managed-by": "kubeorch"},
	} {
		made, err := cluster.Client().CoreV1().ConfigMaps(c.namespace).Create(t.Context(),
			&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}, metav1.CreateOptions{})
		require.NoError(t, err)
		c.theirs[name] = made.ResourceVersion
	}
	return c
}

// settle waits until no run goes on, and requires that none was lost. It returns the
// newest one, or nil if there is none that was not seen before.
func (c *crashing) settle(t *testing.T, p *person) (newest object) {
	t.Helper()
	there := map[string]bool{}
	for _, r := range p.runs(t, c.id) {
		id := r.(object)["id"].(string)
		run := p.awaitEnd(t, c.id, id)
		there[id] = true
		if newest == nil && !c.known[id] {
			newest = run
		}
	}
	for id := range c.known {
		require.True(t, there[id], "run %s is lost", id)
	}
	c.known = there
	return newest
}

// requireCounted waits until all runs are counted, and told once.
func (c *crashing) requireCounted(t *testing.T, p *person) {
	t.Helper()
	runs := float64(len(c.known))
	kubetest.Eventually(t, "the counters", func(context.Context) error {
		w := p.ask(t, 200, "GET", "/workflows/"+c.id, nil)
		if w["run_count"] != runs || w["success_count"].(float64)+w["failure_count"].(float64) != runs {
			return fmt.Errorf("%v runs, %v good, %v bad; want %v", w["run_count"], w["success_count"], w["failure_count"], runs)
		}
		told := 0.0
		for _, n := range p.told(t) {
			if n["refId"] == c.id {
				told++
			}
		}
		if told != runs {
			return fmt.Errorf("%v ends of %v were told", told, runs)
		}
		return nil
	})
}

// The server is killed at random moments of runs. Each run ends after the restart, the
// cluster is what was drawn, nothing of others was touched, and each run is counted.
func TestServerKilledAtRandomMoments(t *testing.T) {
	t.Parallel()
	kills := 8
	if text := os.Getenv(killsVariable); text != "" {
		var err error
		kills, err = strconv.Atoi(text)
		require.NoError(t, err, killsVariable)
	}
	cluster, dir := shared.Cluster(t), dataDir(t)
	server := startIn(t, dir)
	p := server.ann()
	p.addCluster(t, cluster)
	// One run that nobody disturbs tells how long the moments are.
	c := beginCrashing(t, p, cluster)
	begun := time.Now()
	p.run(t, c.id, nil)
	c.settle(t, p)
	long := time.Since(begun)

	how := []object{nil, {"wait": true}, {"failure_policy": "rollback", "wait": true}, {"failure_policy": "stop"}}
	var during, missed, longest int
	for round := 1; round <= kills; round++ {
		if round%roundsPerWorkflow == 0 {
			c.requireCounted(t, p)
			c = beginCrashing(t, p, cluster)
		}
		nodes, joined := c.drawing(round)
		p.save(t, c.id, nodes, joined)
		moment := rand.N(long + long/2) //nolint:gosec // any moment
		leave := p.startRunAs(t, c.id, how[round%len(how)])
		<-time.After(moment)
		server.kill(t)
		leave()

		at := time.Now()
		server = startIn(t, dir)
		p = p.on(server)
		run := c.settle(t, p)
		switch {
		case run == nil: // killed before the run began
			missed++
			run = p.run(t, c.id, nil)
			c.settle(t, p)
		case run["duration"].(float64) > float64(moment.Milliseconds()):
			during++
			longest = max(longest, int(time.Since(at).Milliseconds()))
		}
		require.Equal(t, "completed", run["status"], "round %d, killed after %v: %v %v", round, moment, run["error"], run["logs"])
		c.requireGraph(t, round)
	}
	c.requireCounted(t, p)
	t.Logf("%d kills within %v of the request: %d before the run began, %d while it went on; the slowest restart and end took %d ms",
		kills, long+long/2, missed, during, longest)
}
