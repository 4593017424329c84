package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// What changes in a cluster while the server is down is in the answer to who reads
// the workflow later, also if nobody ever opens a page.
func TestStatusesWithoutAPage(t *testing.T) {
	t.Parallel()
	cluster, dir := shared.Cluster(t), dataDir(t)
	server := startIn(t, dir)
	ann := server.ann()
	ann.addCluster(t, cluster)
	app := ann.deploy(t, dev, cluster)
	ann.untilStored(t, app.id, map[string]string{"web": "healthy", "conf": "created"})
	server.kill(t)

	app.loseConf(t)
	app.grow(t)
	ann = ann.on(startIn(t, dir))
	ann.untilStored(t, app.id, map[string]string{"web": "healthy", "conf": "error"})
	require.EqualValues(t, app.replicas, ann.statuses(t, app.id)["web"]["readyReplicas"])
}

// untilStored waits until the nodes of a workflow have the given states in what is
// stored, reading it again and again as curl in a loop does.
func (p *person) untilStored(t *testing.T, id string, want map[string]string) {
	t.Helper()
	kubetest.Eventually(t, "the stored states", func(context.Context) error {
		stored := p.statuses(t, id)
		for id, state := range want {
			if stored[id]["state"] != state {
				return fmt.Errorf("%s is %v", id, stored[id])
			}
		}
		return nil
	})
}
