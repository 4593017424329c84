package keys

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/encryption"
	"github.com/kubeorch/core/repositories"
)

func boxOf(t *testing.T, present string, older ...string) *encryption.Box {
	t.Helper()
	box, err := encryption.NewBox(present, older...)
	require.NoError(t, err)
	return box
}

// vault is a database with sealed values in clusters.
type vault struct {
	*repositories.SealedValues
	clusters *repositories.Clusters
	ids      []string
}

// newVault stores count clusters whose credentials are "value <n>" under box.
func newVault(t *testing.T, box *encryption.Box, count int) *vault {
	t.Helper()
	db := dbtest.Open(t).Database()
	v := &vault{SealedValues: repositories.NewSealedValues(db), clusters: repositories.NewClusters(db)}
	for n := range count {
		id := models.NewID()
		sealed, err := box.Seal(fmt.Appendf(nil, "value %d", n), models.SealedClusterCredentials.Place(id))
		require.NoError(t, err)
		_, err = v.clusters.Insert(t.Context(), models.Cluster{ID: id, OwnerID: "ann", Name: id, Sealed: sealed})
		require.NoError(t, err)
		v.ids = append(v.ids, id)
	}
	return v
}

func (v *vault) rotate(ctx context.Context, box *encryption.Box, report func(models.KeyProgress)) (models.KeyRotation, error) {
	return NewRotation(v, box, models.SealedFields()).Run(ctx, report)
}

func ignore(models.KeyProgress) {}

// requireAll requires that every value is under box's key and as it was.
func (v *vault) requireAll(t *testing.T, box *encryption.Box) {
	t.Helper()
	for n, id := range v.ids {
		c, err := v.clusters.ByID(t.Context(), id)
		require.NoError(t, err)
		plain, err := box.Open(c.Sealed, models.SealedClusterCredentials.Place(id))
		require.NoError(t, err, "record %d", n)
		require.Equal(t, fmt.Sprint("value ", n), string(plain))
		require.True(t, box.Current(c.Sealed))
	}
}

func TestRotationRewritesAndProves(t *testing.T) {
	t.Parallel()
	const count = 2*batchSize + 7
	v := newVault(t, boxOf(t, "old"), count)
	box := boxOf(t, "new", "old", "unused")
	var last models.KeyProgress
	sum, err := v.rotate(t.Context(), box, func(p models.KeyProgress) { last = p })
	require.NoError(t, err)
	require.Equal(t, models.KeyRotation{Key: box.Keys()[0], Rewritten: count, Idle: box.Keys()[1:]}, sum)
	require.Equal(t, models.KeyProgress{Field: models.SealedClusterCredentials, Done: count, Total: count}, last)
	v.requireAll(t, boxOf(t, "new"))

	sum, err = v.rotate(t.Context(), box, ignore)
	require.NoError(t, err)
	require.Equal(t, models.KeyRotation{Key: box.Keys()[0], Current: count, Idle: box.Keys()[1:]}, sum)
}

func TestRotationGoesOnAfterAnInterruption(t *testing.T) {
	t.Parallel()
	const count = 3 * batchSize
	v := newVault(t, boxOf(t, "old"), count)
	box := boxOf(t, "new", "old")
	ctx, cancel := context.WithCancel(t.Context())
	sum, err := v.rotate(ctx, box, func(models.KeyProgress) { cancel() })
	require.Error(t, err)
	require.Equal(t, batchSize, sum.Rewritten)

	sum, err = v.rotate(t.Context(), box, ignore)
	require.NoError(t, err)
	require.Equal(t, batchSize, sum.Current)
	require.Equal(t, count-batchSize, sum.Rewritten)
	v.requireAll(t, boxOf(t, "new"))
}

func TestRotationTellsWhatDoesNotOpen(t *testing.T) {
	t.Parallel()
	v := newVault(t, boxOf(t, "old"), 3)
	lost := boxOf(t, "lost")
	foreign, err := lost.Seal([]byte("x"), models.SealedClusterCredentials.Place(v.ids[0]))
	require.NoError(t, err)
	moved, err := boxOf(t, "old").Seal([]byte("x"), "another place")
	require.NoError(t, err)
	v.put(t, v.ids[0], foreign)
	v.put(t, v.ids[1], moved)

	box := boxOf(t, "new", "old", "unused")
	told := map[string]string{}
	sum, err := v.rotate(t.Context(), box, func(p models.KeyProgress) {
		if p.Unreadable != "" {
			require.NotContains(t, told, p.Unreadable, "told once")
			told[p.Unreadable] = p.Reason
		}
	})
	require.NoError(t, err)
	require.Equal(t, 1, sum.Rewritten)
	require.Equal(t, 2, sum.Unreadable)
	require.Equal(t, box.Keys()[2:], sum.Idle, "the old key may still be wanted")
	require.Equal(t, map[string]string{
		v.ids[0]: "sealed with key " + lost.Keys()[0] + ", which is not configured",
		v.ids[1]: encryption.ErrTampered.Error(),
	}, told)
	for id, want := range map[string][]byte{v.ids[0]: foreign, v.ids[1]: moved} {
		c, err := v.clusters.ByID(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, want, c.Sealed, "left as it was")
	}
}

// put overwrites a stored value.
func (v *vault) put(t *testing.T, id string, sealed []byte) {
	t.Helper()
	c, err := v.clusters.ByID(t.Context(), id)
	require.NoError(t, err)
	n, err := v.Swap(t.Context(), models.SealedClusterCredentials, []models.SealedSwap{{ID: id, Old: c.Sealed, New: sealed}})
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

// contended is a vault in which somebody changes a value between the reading
// and the writing of each batch.
type contended struct {
	*vault
	change func(batch []models.SealedSwap)
}

func (c contended) Swap(ctx context.Context, f models.SealedField, swaps []models.SealedSwap) (int, error) {
	c.change(swaps)
	return c.vault.Swap(ctx, f, swaps)
}

func TestRotationLosesNoChange(t *testing.T) {
	t.Parallel()
	v := newVault(t, boxOf(t, "old"), 5)
	box := boxOf(t, "new", "old")
	changed := false
	c := contended{v, func([]models.SealedSwap) {
		if changed {
			return
		}
		changed = true
		for n, box := range []*encryption.Box{box, boxOf(t, "old")} { // by a server with the new key, and by one without
			sealed, err := box.Seal([]byte("changed"), models.SealedClusterCredentials.Place(v.ids[n]))
			require.NoError(t, err)
			v.put(t, v.ids[n], sealed)
		}
	}}
	sum, err := NewRotation(c, box, models.SealedFields()).Run(t.Context(), ignore)
	require.NoError(t, err)
	require.Equal(t, 4, sum.Rewritten)
	for n, id := range v.ids {
		want := fmt.Sprint("value ", n)
		if n < 2 {
			want = "changed"
		}
		stored, err := v.clusters.ByID(t.Context(), id)
		require.NoError(t, err)
		plain, err := boxOf(t, "new").Open(stored.Sealed, models.SealedClusterCredentials.Place(id))
		require.NoError(t, err)
		require.Equal(t, want, string(plain))
	}
}

func TestRotationAgainstAServerWithoutTheNewKey(t *testing.T) {
	t.Parallel()
	v := newVault(t, boxOf(t, "old"), 1)
	c := contended{v, func([]models.SealedSwap) {
		sealed, err := boxOf(t, "old").Seal([]byte("again"), models.SealedClusterCredentials.Place(v.ids[0]))
		require.NoError(t, err)
		v.put(t, v.ids[0], sealed)
	}}
	_, err := NewRotation(c, boxOf(t, "new", "old"), models.SealedFields()).Run(t.Context(), ignore)
	require.Equal(t, models.Conflict, models.KindOf(err))
	require.ErrorContains(t, err, "not restarted")
}

func TestTwoRotationsAtOnce(t *testing.T) {
	t.Parallel()
	const count = 4 * batchSize
	v := newVault(t, boxOf(t, "old"), count)
	box := boxOf(t, "new", "old")
	type outcome struct {
		models.KeyRotation
		error
	}
	outcomes := make(chan outcome)
	for range 2 {
		go func() {
			sum, err := v.rotate(t.Context(), box, ignore)
			outcomes <- outcome{sum, err}
		}()
	}
	a, b := <-outcomes, <-outcomes
	require.NoError(t, a.error)
	require.NoError(t, b.error)
	require.Equal(t, count, a.Rewritten+b.Rewritten, "each value once")
	v.requireAll(t, boxOf(t, "new"))
}

func BenchmarkRotation(b *testing.B) {
	const count = 1000
	boxes := []*encryption.Box{}
	for _, k := range [][]string{{"a", "b"}, {"b", "a"}} {
		box, err := encryption.NewBox(k[0], k[1:]...)
		require.NoError(b, err)
		boxes = append(boxes, box)
	}
	db := dbtest.Open(b).Database()
	clusters := repositories.NewClusters(db)
	for range count {
		id := models.NewID()
		sealed, err := boxes[1].Seal(make([]byte, 2000), models.SealedClusterCredentials.Place(id))
		require.NoError(b, err)
		_, err = clusters.Insert(b.Context(), models.Cluster{ID: id, OwnerID: "ann", Name: id, Sealed: sealed})
		require.NoError(b, err)
	}
	n := 0
	for b.Loop() {
		sum, err := NewRotation(repositories.NewSealedValues(db), boxes[n%2], models.SealedFields()).Run(b.Context(), ignore)
		require.NoError(b, err)
		require.Equal(b, count, sum.Rewritten)
		n++
	}
	b.ReportMetric(float64(n*count)/b.Elapsed().Seconds(), "records/s")
}
