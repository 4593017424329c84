package status

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

// nodeTypes are all types that have a status.
var nodeTypes = []string{
	"configmap", "cronjob", "daemonset", "deployment", "hpa", "ingress", "job", "networkpolicy",
	"persistentvolumeclaim", "plugin", "secret", "service", "statefulset",
}

// scenario is one case of testdata/<node type>.yaml. Objects leave out what
// every object has. Their UID is "web", that of the first pod "web-1", and an event
// is about the object whose UID is its name, unless it says otherwise.
type scenario struct {
	Name   string           `json:"name"`
	Object map[string]any   `json:"object"`
	Pods   []map[string]any `json:"pods"`
	Events []map[string]any `json:"events"`
	Want   Status           `json:"want"`
}

func decoded(t *testing.T, nodeType string, content map[string]any) *unstructured.Unstructured {
	t.Helper()
	raw, err := yaml.Marshal(content)
	require.NoError(t, err)
	js, err := yaml.YAMLToJSON(raw)
	require.NoError(t, err)
	var m map[string]any
	require.NoError(t, yaml.Unmarshal(js, &m))
	u := &unstructured.Unstructured{Object: withIntegers(m).(map[string]any)}
	source, _ := SourceOf(nodeType)
	if source.Kind == "" {
		source.Kind, source.Resource.Group, source.Resource.Version = "Widget", "example.com", "v1"
	}
	u.SetAPIVersion(source.Resource.GroupVersion().String())
	u.SetKind(source.Kind)
	if u.GetNamespace() == "" {
		u.SetNamespace("default")
	}
	u.SetName("web")
	if u.GetUID() == "" {
		u.SetUID("web")
	}
	return u
}

// withIntegers turns whole numbers into int64, as the API machinery does.
func withIntegers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = withIntegers(e)
		}
	case []any:
		for i, e := range v {
			v[i] = withIntegers(e)
		}
	case float64:
		if v == float64(int64(v)) {
			return int64(v)
		}
	}
	return v
}

func TestOf(t *testing.T) {
	t.Parallel()
	for _, nodeType := range nodeTypes {
		raw, err := os.ReadFile(filepath.Join("testdata", nodeType+".yaml"))
		require.NoError(t, err)
		var scenarios []scenario
		require.NoError(t, yaml.UnmarshalStrict(raw, &scenarios))
		require.NotEmpty(t, scenarios)
		extract, ok := Extractor(nodeType)
		require.True(t, ok)
		for _, sc := range scenarios {
			t.Run(nodeType+"/"+sc.Name, func(t *testing.T) {
				t.Parallel()
				o := extract(decoded(t, nodeType, sc.Object))
				var pods []*Pod
				for i, p := range sc.Pods {
					u := decoded(t, nodeType, p)
					u.SetUID(types.UID(fmt.Sprint("web-", i+1)))
					pods = append(pods, ExtractPod(u))
				}
				var events []*Event
				for _, e := range sc.Events {
					for _, about := range []string{"involvedObject", "regarding"} {
						if o, ok := e[about].(map[string]any); ok && o["uid"] == nil {
							o["uid"] = o["name"]
						}
					}
					if found := ExtractEvent(decoded(t, nodeType, e)); found != nil {
						events = append(events, found)
					}
				}
				got := Of(o, pods, events...)
				require.Equal(t, withIntegers(sc.Want), any(got))
				slices.Reverse(events)
				require.True(t, Equal(got, Of(o, pods, events...)), "the order of events does not count")
			})
		}
	}
}

func TestExtractorOfMetadata(t *testing.T) {
	t.Parallel()
	for _, nodeType := range nodeTypes {
		if source, _ := SourceOf(nodeType); !source.Metadata {
			continue
		}
		extract, _ := Extractor(nodeType)
		o := extract(&metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default"}})
		require.Equal(t, "created", Of(o, nil)["state"], nodeType)
	}
	_, ok := Extractor("group")
	require.False(t, ok)
	_, ok = SourceOf("group")
	require.False(t, ok)
}

func TestIsCustom(t *testing.T) {
	t.Parallel()
	for gk, want := range map[schema.GroupKind]bool{
		{Kind: "Secret"}:                                      false,
		{Group: "apps", Kind: "Deployment"}:                   false,
		{Group: "apps", Kind: "ReplicaSet"}:                   false,
		{Group: "networking.k8s.io", Kind: "Ingress"}:         false,
		{Group: "gateway.networking.k8s.io", Kind: "Gateway"}: true,
		{Group: "postgresql.cnpg.io", Kind: "Cluster"}:        true,
	} {
		require.Equal(t, want, IsCustom(gk), gk.String())
	}
}

func TestDeleted(t *testing.T) {
	t.Parallel()
	require.Equal(t, Status{
		"state": "error", "reason": "Deleted",
		"message": `Deployment "web" was deleted from the cluster (namespace "shop"); run the workflow to create it again`,
	}, Deleted("Deployment", "shop", "web"))
}

func TestRemovedIsNeitherGoodNorBad(t *testing.T) {
	t.Parallel()
	grey := []string{"pending", "partial", "suspended", "scaling", "Pending"}
	for nodeType := range rules() {
		s := Removed(nodeType)
		require.Contains(t, grey, s["state"], nodeType)
		require.Equal(t, "removed from the cluster", s["message"], nodeType)
	}
	require.Equal(t, Status{
		"state": "partial", "readyReplicas": int64(0), "replicas": int64(0), "reason": "Removed", "message": "removed from the cluster",
	}, Removed("deployment"))
	require.Equal(t, "suspended", Removed("cronjob")["state"])
}

func TestEqual(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		a, b Status
		want bool
	}{
		"both absent":             {nil, Status{}, true},
		"same":                    {Status{"state": "healthy", "n": int64(1)}, Status{"state": "healthy", "n": int64(1)}, true},
		"number of another type":  {Status{"n": int64(1)}, Status{"n": int32(1)}, true},
		"number as float":         {Status{"n": int64(1)}, Status{"n": float64(1)}, true},
		"another number":          {Status{"n": int64(1)}, Status{"n": int64(2)}, false},
		"text of digits":          {Status{"n": int64(1)}, Status{"n": "1"}, false},
		"a key more":              {Status{"n": int64(1)}, Status{"n": int64(1), "m": nil}, false},
		"another key":             {Status{"n": nil}, Status{"m": nil}, false},
		"truth":                   {Status{"c": true}, Status{"c": true}, true},
		"another truth":           {Status{"c": true}, Status{"c": false}, false},
		"something nested":        {Status{"x": []any{}}, Status{"x": []any{}}, false},
		"text":                    {Status{"x": "a"}, Status{"x": "b"}, false},
		"number against no value": {Status{"n": int64(0)}, Status{"n": nil}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, Equal(tc.a, tc.b))
		})
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ in, want string }{
		"plain":             {"0/3 nodes are available: 3 Insufficient cpu.", "0/3 nodes are available: 3 Insufficient cpu."},
		"several lines":     {"a\r\n\tb\u2028c\x00", "a b c"},
		"password":          {`dial failed: password=hunter2, retry`, `dial failed: password=[hidden], retry`},
		"quoted password":   {`DB_PASSWORD: "a b" is wrong`, `DB_PASSWORD: [hidden] is wrong`},
		"connection string": {`open postgres://u:p@db:5432/x?a=b failed`, `open [connection string] failed`},
		"login in a URL":    {`pull https://bob:pw@reg.example.com/v2/ failed`, `pull https://[hidden]@reg.example.com/v2/ failed`},
		"bearer token":      {`Authorization: Bearer abcdefgh12345`, `Authorization: Bearer [hidden]`},
		"web token":         {`got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc here`, `got [hidden] here`},
		"path of a machine": {`stat /var/lib/kubelet/pods/x/volumes: no such file`, `stat [path]: no such file`},
		"path of an image":  {`exec: "/app/server": not found`, `exec: "/app/server": not found`},
		"image with digest": {`image "reg.example.com/var/x@sha256:ab" missing`, `image "reg.example.com/var/x@sha256:ab" missing`},
		"too long":          {strings.Repeat("ä", 600), strings.Repeat("ä", 499) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, Clean(tc.in))
		})
	}
}

func TestObjectForWhichKstatusPanics(t *testing.T) {
	t.Parallel()
	extract, ok := Extractor("deployment")
	require.True(t, ok)
	o := extract(&unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Pod", // among the Deployments of a list
		"spec":   map[string]any{"replicas": int64(1)},
		"status": map[string]any{"phase": "Running", "containerStatuses": []any{"text"}},
	}})
	require.Equal(t, "0 of 1 pods ready", Of(o, nil)["message"])
}
