package resource

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

func TestStatesAreOnlyPublishedToReaders(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	web, api := idOf("apps", "Deployment", "shop", "web"), idOf("apps", "Deployment", "shop", "api")
	r.api.Set("deployments", deployment("web", "u1", 3))
	r.api.Set("deployments", deployment("api", "u2", 3))
	r.start()
	r.eventuallyHas("ann", models.ResourceQuery{Kind: "Deployment"}, "api", "web")
	release := r.service.Want(web)
	r.syncer.Wanted(api) // read at another server, where it may have changed before the message came
	kubetest.Eventually(t, "the present state", func(context.Context) error {
		if len(r.published(api)) == 0 {
			return errors.New("nothing is published")
		}
		return nil
	})
	for _, ready := range []int64{1, 0, 3} {
		r.api.Set("deployments", deployment("web", "u1", ready))
		r.api.Set("deployments", deployment("api", "u2", ready))
		want := map[int64]string{0: models.ResourceFailed, 1: models.ResourceWarning, 3: models.ResourceRunning}[ready]
		for _, id := range []string{web, api} {
			r.eventually(id, "its state", status(want))
			kubetest.Eventually(t, "an event", func(context.Context) error {
				if got := r.published(id); len(got) == 0 || got[len(got)-1].(models.ResourceUpdate).Status.State != want {
					return fmt.Errorf("published are %v", got)
				}
				return nil
			})
		}
	}
	release()
	before := len(r.published(web))
	r.api.Set("deployments", deployment("web", "u1", 0))
	r.eventually(web, "its state", status(models.ResourceFailed))
	require.Len(t, r.published(web), before)
}
