package run

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
)

// refsFrom reads words of the form Kind:namespace/name.
func refsFrom(text string) (refs []applier.Ref) {
	groups := map[string]string{"Deployment": "apps/v1", "Greeting": "example.kubeorch.io/v1"}
	for _, word := range strings.Fields(text) {
		kind, path, _ := strings.Cut(word, ":")
		namespace, name, _ := strings.Cut(path, "/")
		version := groups[kind]
		if version == "" {
			version = "v1"
		}
		refs = append(refs, applier.Ref{GroupVersionKind: schema.FromAPIVersionAndKind(version, kind), Namespace: namespace, Name: name})
	}
	return refs
}

func textOf(refs []applier.Ref) string {
	words := make([]string, len(refs))
	for i, r := range refs {
		words[i] = r.Kind + ":" + r.Namespace + "/" + r.Name
	}
	return strings.Join(words, " ")
}

func ownedAt(at place, text string) (objects []models.OwnedObject) {
	for _, r := range refsFrom(text) {
		apiVersion, kind := r.ToAPIVersionAndKind()
		objects = append(objects, models.OwnedObject{
			Cluster: at.name, ClusterRef: at.id, APIVersion: apiVersion, Kind: kind, Namespace: r.Namespace, Name: r.Name,
		})
	}
	return objects
}

func TestLeaving(t *testing.T) {
	t.Parallel()
	at := place{"dev", "c1"}
	for name, tc := range map[string]struct {
		owned, planned    string
		inventory         []models.OwnedObject
		kept, gone, there string
	}{
		"nothing": {},
		"all is drawn": {
			owned: "Deployment:a/web Secret:a/pw", planned: "Deployment:a/web Secret:a/pw",
			inventory: ownedAt(at, "Deployment:a/web Secret:a/pw"),
		},
		"renamed, and known twice": {
			owned: "Deployment:a/web", inventory: ownedAt(at, "Deployment:a/web"), planned: "Deployment:a/shop", gone: "Deployment:a/web",
		},
		"moved to another namespace": {
			owned: "Deployment:a/web Deployment:b/web Secret:a/pw", planned: "Deployment:b/web Secret:b/pw",
			gone: "Deployment:a/web", kept: "Secret:a/pw",
		},
		"only the list knows it": {owned: "Greeting:a/hi", gone: "Greeting:a/hi"},
		"the list failed":        {inventory: ownedAt(at, "Deployment:a/web PersistentVolumeClaim:a/data"), gone: "Deployment:a/web", kept: "PersistentVolumeClaim:a/data"},
		"another cluster": {
			inventory: ownedAt(place{"prod", "c2"}, "Deployment:a/web Secret:a/pw"), planned: "Deployment:a/web",
			there: "Deployment:a/web Secret:a/pw",
		},
		"another cluster that had the same name": {
			inventory: ownedAt(place{"dev", "c0"}, "Deployment:a/old"), there: "Deployment:a/old",
		},
		"the same cluster under its full address": {
			inventory: ownedAt(place{"dev~c1", "c1"}, "Deployment:a/old"), gone: "Deployment:a/old",
		},
		"stored before ids were": {inventory: ownedAt(place{"dev", ""}, "Deployment:a/old"), gone: "Deployment:a/old"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kept, gone, elsewhere := leaving(at, refsFrom(tc.owned), tc.inventory, refsFrom(tc.planned))
			require.Equal(t, tc.kept, textOf(kept), "kept")
			require.Equal(t, tc.gone, textOf(gone), "gone")
			require.Equal(t, tc.there, textOf(refsIn(elsewhere)), "elsewhere")
		})
	}
}
