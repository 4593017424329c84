package kinds

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

func TestEmptyAmountsAreUnset(t *testing.T) {
	t.Parallel()
	var p models.Problems
	n := &Node{Data: models.Data{"resources": map[string]any{
		"limits":   map[string]any{"cpu": "", "memory": " "},
		"requests": map[string]any{"cpu": int64(0), "memory": 1.5},
	}}}
	got := resources(read(n, &p))
	require.Empty(t, p)
	require.Equal(t, map[string]any{"requests": map[string]string{"cpu": "0", "memory": "1.5"}}, got)
}

func TestVolumeNamesAreFreeLabels(t *testing.T) {
	t.Parallel()
	long := "a-very-long-name-of-a-claim-that-leaves-no-room-for-a-suffix-x"
	m := &mounts{byKey: map[string]string{}, names: map[string]bool{"data-volume": true}, tried: map[string]int{}}
	for name, want := range map[string]string{
		"data":     "data-volume-2", // reserved by a claim template
		"a.b.c":    "a-b-c-volume",
		long:       "a-very-long-name-of-a-claim-that-leaves-no-room-for-a-su-volume",
		"settings": "settings-volume",
	} {
		got := m.free(name)
		require.Equal(t, want, got)
		require.LessOrEqual(t, len(got), 63)
	}
	require.Equal(t, "settings-volume-2", m.free("settings"), "another source of the same name")
}

func TestListsAreBounded(t *testing.T) {
	t.Parallel()
	for key, entry := range map[string]any{
		"envKeys": "A", "imagePullSecrets": "a", "ports": int64(1), "command": "a", "volumeMounts": map[string]any{}, "containers": map[string]any{},
	} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			var p models.Problems
			n := &Node{Name: "web", Namespace: "default", Data: models.Data{
				"image": "nginx", key: slices.Repeat([]any{entry}, maxEntries+1),
			}}
			f := read(n, &p)
			newPod(n, f, newMounts(n, f))
			require.Contains(t, p, models.Problem{Field: key, Message: "must not have more than 1000 entries, there are 1001"})
		})
	}
}

func TestSubstitutesForAPasswordOnlyWhereNoneIsChosen(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		data models.Data
		want int
	}{
		"no database":      {models.Data{"image": "nginx"}, 0},
		"postgres":         {models.Data{"image": "bitnami/postgresql:16"}, 1},
		"trust chosen":     {models.Data{"image": "postgres", "env": map[string]any{"POSTGRES_HOST_AUTH_METHOD": "md5"}}, 0},
		"password typed":   {models.Data{"image": "postgres", "envKeys": []any{map[string]any{"name": "POSTGRES_PASSWORD"}}}, 0},
		"mysql":            {models.Data{"image": "mysql:8"}, 1},
		"mariadb random":   {models.Data{"image": "mariadb", "env": map[string]any{"MYSQL_RANDOM_ROOT_PASSWORD": "yes"}}, 0},
		"another variable": {models.Data{"image": "postgres", "env": map[string]any{"PGDATA": "/x"}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var p models.Problems
			n := &Node{Name: "db", Data: tc.data}
			require.Len(t, passwordDefaults(n, read(n, &p)), tc.want)
		})
	}
}

func TestChangedContentStartsNewPods(t *testing.T) {
	t.Parallel()
	hash := func(data map[string]any) string {
		return configHash([]*Node{{Name: "cm", Data: models.Data{"data": data}}})
	}
	require.Empty(t, configHash(nil))
	require.Equal(t, hash(map[string]any{"a": "b"}), hash(map[string]any{"a": "b", "_new_17": ""}))
	require.NotEqual(t, hash(map[string]any{"a": "b"}), hash(map[string]any{"a": "c"}))
}
