package applier

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// BenchmarkFiftyDeployments compares a wave with the same objects applied by
// the bare client, eight at a time, and with the same wave again.
func BenchmarkFiftyDeployments(b *testing.B) {
	c := newFixture(b)
	c.apply("w1", deployment) // discovery and the connection are warm for all
	round := 0
	wave := func(prefix string) (reqs []Request) {
		for i := range 50 {
			name := fmt.Sprintf("{name: %s-%d-%d}, spec: {replicas: 0", prefix, round, i)
			reqs = append(reqs, Request{Object: c.object(strings.Replace(deployment, "{name: web}, spec: {replicas: 1", name, 1))})
		}
		round++
		return reqs
	}
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			if err := plainApply(c, wave("plain")); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("created", func(b *testing.B) {
		for b.Loop() {
			requireAll(b, Created, c.by("w1").Apply(b.Context(), wave("ours"), nil))
		}
	})
	same := wave("same")
	requireAll(b, Created, c.by("w1").Apply(b.Context(), same, nil))
	b.Run("unchanged", func(b *testing.B) {
		for b.Loop() {
			requireAll(b, Unchanged, c.by("w1").Apply(b.Context(), same, nil))
		}
	})
}

func requireAll(b *testing.B, want Action, changes []Change) {
	b.Helper()
	for _, c := range changes {
		if c.Action != want {
			b.Fatalf("%s, want %s: %s", c.Action, want, c.Message)
		}
	}
}

func plainApply(c *fixture, reqs []Request) error {
	var group errgroup.Group
	group.SetLimit(8)
	force := true
	for _, r := range reqs {
		group.Go(func() error {
			body, err := r.Object.MarshalJSON()
			if err != nil {
				return err
			}
			_, err = c.conn.Dynamic().Resource(deployments).Namespace(c.ns).Patch(c.t.Context(), r.Object.GetName(),
				types.ApplyPatchType, body, metav1.PatchOptions{FieldManager: "plain", Force: &force})
			return err
		})
	}
	return group.Wait()
}
