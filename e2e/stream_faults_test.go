package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// appWatches are the watches of a cluster in which there are apps: one for each
// kind, whatever their number and that of readers.
func appWatches() map[string]int {
	return map[string]int{"deployments": 1, "configmaps": 1, "pods": 1, "events": 1}
}

// untilWatched waits until exactly the watches for apps pass a gateway.
func untilWatched(t *testing.T, g *kubetest.Gateway) {
	t.Helper()
	kubetest.Eventually(t, "one watch for each kind", func(context.Context) error {
		if open := g.Requests().Watching; fmt.Sprint(open) != fmt.Sprint(appWatches()) {
			return fmt.Errorf("there are %v", open)
		}
		return nil
	})
}

// An API server that is killed under a hundred streams ends none of them. When it is
// back, all get the true states, and it is asked no more often than for one.
func TestClusterRestartsUnderManyStreams(t *testing.T) {
	t.Parallel()
	const apps, readers = 5, 20
	cluster := kubetest.NewPrivate(t)
	gate := gatewayTo(t, cluster.Cluster)
	ann := start(t).ann()
	ann.addClusterAt(t, dev, cluster.Cluster, gate.URL, gate.CA())
	open, seen := make([]*deployed, apps), make([][]*stream, apps)
	for i := range apps {
		open[i] = ann.deploy(t, dev, cluster.Cluster)
		for range readers {
			seen[i] = append(seen[i], ann.streamStatus(t, open[i].id))
		}
		open[i].seenBy(t, "created", seen[i]...)
	}
	untilWatched(t, gate)
	before := gate.Requests()

	cluster.Kill()
	awaitUnreachable(t, cluster)
	cluster.Restart(t)
	back := time.Now()
	for i, s := range open {
		s.cluster = cluster.Cluster
		s.loseConf(t)
		s.grow(t)
		s.seenBy(t, "error", seen[i]...)
		for _, r := range seen[i] {
			require.False(t, r.ended())
		}
	}
	untilWatched(t, gate)
	after := gate.Requests()
	t.Logf("true for %d readers %s after the return, %d requests since the kill", apps*readers,
		time.Since(back).Round(time.Millisecond), after.All-before.All)
	for kind := range appWatches() {
		require.LessOrEqual(t, after.Watches[kind]-before.Watches[kind], 20, "attempts to watch %s", kind)
	}
}

// A version from which a watch is to go on may be forgotten by the API server. All
// objects are read again then, once for all readers.
func TestWatchesExpire(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	gate := gatewayTo(t, cluster)
	ann := newPerson(t, "ann")
	ann.addClusterAt(t, dev, cluster, gate.URL, gate.CA())
	app := ann.deploy(t, dev, cluster)
	readers := []*stream{ann.streamStatus(t, app.id), ann.streamStatus(t, app.id)}
	app.seenBy(t, "created", readers...)
	untilWatched(t, gate)
	kubetest.Eventually(t, "watches of more than a second", func(context.Context) error {
		if age := time.Since(gate.Requests().Youngest); age < 2*time.Second {
			return fmt.Errorf("one is %s old", age)
		}
		return nil
	})
	gate.Expire()
	app.loseConf(t)
	app.grow(t)
	app.seenBy(t, "error", readers...)
	untilWatched(t, gate)
	require.Equal(t, len(appWatches()), gate.Requests().Expired)
}

// One cluster is cut off and one hangs, so that even the connections to it look
// well. The readers of a third one notice nothing, and when the network is mended,
// all see what is true.
func TestClustersFailWhileOthersStream(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	ann := start(t).ann()
	names := []string{"good", "cut", "hung"}
	links, apps, readers := map[string]*link{}, map[string]*deployed{}, map[string]*stream{}
	for _, name := range names {
		links[name] = linkTo(t, cluster)
		ann.addClusterAt(t, name, cluster, "https://"+links[name].address, cluster.CA())
		apps[name] = ann.deploy(t, name, cluster)
		readers[name] = ann.streamStatus(t, apps[name].id)
		apps[name].seenBy(t, "created", readers[name])
	}
	links["cut"].cut()
	links["hung"].hang()
	for _, name := range names {
		apps[name].grow(t)
	}
	apps["good"].seenBy(t, "created", readers["good"])
	begin, made := time.Now(), links["hung"].connections()
	kubetest.Eventually(t, "the end of a connection that hangs", func(context.Context) error {
		if links["hung"].connections() == made {
			return fmt.Errorf("no other one was made")
		}
		return nil
	})
	t.Logf("the hanging connection was given up %s after the change", time.Since(begin).Round(time.Millisecond))
	for _, name := range names {
		apps[name].loseConf(t)
	}
	apps["good"].seenBy(t, "error", readers["good"])
	for _, name := range []string{"cut", "hung"} {
		require.Equal(t, "created", readers[name].of("conf")["state"], "nobody knows better")
		require.EqualValues(t, 1, readers[name].of("web")["readyReplicas"])
	}
	links["cut"].restore()
	links["hung"].restore()
	mended := time.Now()
	for _, name := range names {
		apps[name].seenBy(t, "error", readers[name])
		require.False(t, readers[name].ended())
	}
	t.Logf("all is true %s after the repair", time.Since(mended).Round(time.Millisecond))
}

// Everything takes 0.2 s longer each way, to the cluster and to the browser.
func TestSlowNetworks(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	server := start(t)
	toCluster, toServer := linkTo(t, cluster), server.link(t)
	toCluster.delay(200 * time.Millisecond)
	toServer.delay(200 * time.Millisecond)
	ann := server.ann().through(toServer)
	ann.addClusterAt(t, dev, cluster, "https://"+toCluster.address, cluster.CA())
	app := ann.deploy(t, dev, cluster)
	reader := ann.streamStatus(t, app.id)
	app.seenBy(t, "created", reader)
	app.grow(t)
	app.loseConf(t)
	app.seenBy(t, "error", reader)
}

// Browsers behind a network that hangs miss nothing. Those whose connection is cut,
// or whose server is killed, come back to what is true.
func TestBrowsersReturn(t *testing.T) {
	t.Parallel()
	const count = 10
	cluster, dir := shared.Cluster(t), dataDir(t)
	server := startIn(t, dir)
	wire := server.link(t)
	ann := server.ann().through(wire)
	ann.addCluster(t, cluster)
	app := ann.deploy(t, dev, cluster)
	var readers []*stream
	openAll := func() {
		readers = nil
		for range count {
			readers = append(readers, ann.streamStatus(t, app.id))
		}
	}
	awaitEnds := func() {
		for _, r := range readers {
			<-r.done
		}
	}
	openAll()
	app.seenBy(t, "created", readers...)

	wire.hang()
	app.grow(t)
	wire.restore()
	app.seenBy(t, "created", readers...)
	for _, r := range readers {
		require.False(t, r.ended())
	}

	wire.cut()
	awaitEnds()
	app.grow(t)
	wire.restore()
	openAll()
	app.seenBy(t, "created", readers...)

	server.kill(t)
	awaitEnds()
	app.grow(t)
	app.loseConf(t)
	again := startIn(t, dir)
	wire.to(again.url[len("http://"):])
	openAll()
	app.seenBy(t, "error", readers...)
}
