package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// hostile are texts that YAML, or a template, takes for something else.
func hostile() []string {
	return []string{
		"a\nb: c", "a\r\nb", "a\n---\nkind: Secret\n", "a\n...\n", "'", `"`, `a'b"c`, `a\nb\`, "{{.name}}", "{{", "{{ end }}", "${HOME}",
		"&a x", "*a", "!!binary x", "a #b", "# a", "[a, {b: c}]", "{", "<<", "<<: *a", "\t", " a ", "\u2028", "a\u2029b", "\u0085", "\ufeffa",
		"😀", "true", "yes", "null", "~", "0x10", "1e3", "0777", "1_000", "2001-01-01", "? a", "- a", "%YAML 1.1", "|", ">-", "=", "",
		"a\x00b", "\x01\x7f", "</script>", "$(rm -rf /)", "`id`", strings.Repeat("x: ", 1000) + "\n",
	}
}

// hostileNodes puts each text into a ConfigMap's value and annotation, into
// a container's variable and argument, and into keys where those can hold it.
func hostileNodes(namespace string) (nodes []object) {
	for i, text := range hostile() {
		name := fmt.Sprintf("t%02d", i)
		nodes = append(nodes,
			node("map-"+name, "configmap", namespace, name, "data", object{"value": text}, "annotations", object{"note": text}),
			node("web-"+name, "deployment", namespace, name, "image", "nginx", "replicas", 0,
				"env", object{"VALUE": text}, "args", []string{"first", text, "last"}, "podAnnotations", object{"note": text}))
	}
	return nodes
}

// Every such text arrives in the cluster as it is, or is refused by name.
func TestHostileValuesThroughHTTP(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	namespace := cluster.Namespace(t)
	ann := newPerson(t, "ann")
	ann.addCluster(t, cluster)
	nodes := hostileNodes(namespace)
	id := ann.draw(t, nodes, edges())
	if res := ann.call(t, "POST", api+"/workflows/"+id+"/run", ann.token, ""); res.StatusCode == http.StatusBadRequest {
		refused := places(t, res.json(t))
		for _, place := range refused {
			_, index, _ := strings.Cut(strings.SplitN(place, "/", 2)[0], "-t")
			var i int
			_, err := fmt.Sscanf(index, "%d", &i)
			require.NoError(t, err, place)
			require.Regexp(t, "\x00|\x01", hostile()[i], "%s may be refused for a control character only: %s", place, res.text)
		}
		t.Logf("refused by name: %v", refused)
		nodes = slices.DeleteFunc(nodes, func(n object) bool {
			return slices.ContainsFunc(refused, func(place string) bool { return strings.HasPrefix(place, n["id"].(string)+"/") })
		})
		ann.save(t, id, nodes, edges())
		ann.run(t, id, nil)
	} else {
		require.Equal(t, http.StatusOK, res.StatusCode, res.text)
	}
	require.Greater(t, len(nodes), 2*len(hostile())-8)

	maps, err := cluster.Client().CoreV1().ConfigMaps(namespace).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	webs, err := cluster.Client().AppsV1().Deployments(namespace).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	found := 0
	for i, text := range hostile() {
		name := fmt.Sprintf("t%02d", i)
		for _, m := range maps.Items {
			if m.Name == name {
				found++
				require.Equal(t, map[string]string{"value": text}, m.Data)
				require.Equal(t, text, m.Annotations["note"])
			}
		}
		for j := range webs.Items {
			if webs.Items[j].Name == name {
				found++
				requireContainer(t, &webs.Items[j], text)
			}
		}
	}
	require.Equal(t, len(nodes), found)
}

func requireContainer(t *testing.T, d *appsv1.Deployment, text string) {
	t.Helper()
	require.Len(t, d.Spec.Template.Spec.Containers, 1)
	c := d.Spec.Template.Spec.Containers[0]
	require.Len(t, c.Env, 1)
	require.Equal(t, text, c.Env[0].Value)
	require.Nil(t, c.Env[0].ValueFrom)
	want := []string{"first", text, "last"}
	if text == "" { // a list typed as "a,,b" holds two entries
		want = []string{"first", "last"}
	}
	require.Equal(t, want, c.Args)
	require.Equal(t, text, d.Spec.Template.Annotations["note"])
}

// Keys have rules of their own. What they allow stays what it is, and what
// they do not is refused by name.
func TestHostileKeysThroughHTTP(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	namespace := cluster.Namespace(t)
	ann := newPerson(t, "ann")
	ann.addCluster(t, cluster)
	good := map[string]any{}
	for _, key := range []string{"true", "null", "0x10", "1e3", "0777", "2001-01-01", "---", "-", "yes", "a.b", ".x"} {
		good[key] = key
	}
	id := ann.draw(t, []object{node("n1", "configmap", namespace, "keys", "data", good)}, edges())
	ann.run(t, id, nil)
	made, err := cluster.Client().CoreV1().ConfigMaps(namespace).Get(t.Context(), "keys", metav1.GetOptions{})
	require.NoError(t, err)
	require.Len(t, made.Data, len(good))
	for key, value := range made.Data {
		require.Equal(t, key, value)
	}

	for _, key := range []string{"a\nb", "<<", "~", "{{.name}}", "a: b", "&a", "*a", "'", `"`, "a/b", "..", "...", "a\u2028b", "a b", "😀"} {
		ann.save(t, id, []object{
			node("n1", "configmap", namespace, "keys", "data", object{key: "x"}),
			node("n2", "deployment", namespace, "web", "image", "nginx", "annotations", object{key + " /": "x"}),
			node("n3", "secret", namespace, "s", "keys", []object{{"name": key}}),
		}, edges())
		answer := ann.ask(t, http.StatusBadRequest, "POST", "/workflows/"+id+"/run", "")
		found := fmt.Sprint(places(t, answer))
		for _, want := range []string{"n1/data", "n2/annotations", "n3/keys"} {
			require.Contains(t, found, want, "%q: %s", key, answer["error"])
		}
	}
	res := ann.call(t, "POST", api+"/workflows/"+id+"/save", ann.token,
		`{"nodes":[{"id":"n1","type":"configmap","data":{"name":"keys","data":{"a\u0000b":"x"}}}],"edges":[]}`)
	require.Equal(t, http.StatusBadRequest, res.StatusCode)
	require.Contains(t, res.json(t)["error"], `configmap "keys"`)
	require.Contains(t, places(t, res.json(t)), "n1/data")
}

// A megabyte fits where the cluster has room for it, and is refused by name
// elsewhere.
func TestHugeValuesThroughHTTP(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	namespace := cluster.Namespace(t)
	ann := newPerson(t, "ann")
	ann.addCluster(t, cluster)
	huge := strings.Repeat("a: {{b}}\n", (1<<20-2048)/9)
	secret := node("n2", "secret", namespace, "s", "keys", []object{{"name": "V"}})
	id := ann.draw(t, []object{node("n1", "configmap", namespace, "c", "data", object{"v": huge}), secret}, edges())
	ann.run(t, id, object{"secrets": object{"n2": object{"V": huge}}})
	made, err := cluster.Client().CoreV1().ConfigMaps(namespace).Get(t.Context(), "c", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, huge, made.Data["v"])
	stored, err := cluster.Client().CoreV1().Secrets(namespace).Get(t.Context(), "s", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, huge, string(stored.Data["V"]))

	ann.save(t, id, []object{
		node("n1", "configmap", namespace, "c", "data", object{"v": huge + huge}),
		node("n3", "configmap", namespace, "d", "annotations", object{"v": huge}),
		node("n4", "deployment", namespace, huge, "image", huge),
	}, edges())
	answer := ann.ask(t, http.StatusBadRequest, "POST", "/workflows/"+id+"/run", "")
	require.Subset(t, places(t, answer), []string{"n1/data", "n3/annotations", "n4/name", "n4/image"})
	require.Less(t, len(fmt.Sprint(answer["error"])), 20_000, "a fault is told without repeating a megabyte")
}

// Values typed at run time arrive as they are, whatever they hold.
func TestHostileTypedValues(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	namespace := cluster.Namespace(t)
	ann := newPerson(t, "ann")
	ann.addCluster(t, cluster)
	var keys []object
	typed := object{}
	for i, text := range hostile() {
		if text != "" { // nothing was typed
			keys = append(keys, object{"id": fmt.Sprint(i), "name": fmt.Sprintf("K%d", i)})
			typed[fmt.Sprintf("K%d", i)] = text
		}
	}
	id := ann.draw(t, []object{
		node("n1", "secret", namespace, "s", "keys", keys),
		node("n2", "deployment", namespace, "web", "image", "nginx", "replicas", 0, "envKeys", keys),
	}, edges("n1>n2"))
	run := ann.run(t, id, object{"secrets": object{"n1": typed}, "envVars": object{"n2": typed}})
	require.NotContains(t, encoded(t, run), `$(rm`)
	for _, name := range []string{"s", "web-env"} {
		made, err := cluster.Client().CoreV1().Secrets(namespace).Get(t.Context(), name, metav1.GetOptions{})
		require.NoError(t, err)
		require.Len(t, made.Data, len(typed), name)
		for key, value := range made.Data {
			require.Equal(t, typed[key], string(value), "%s %s", name, key)
		}
	}
	ann.run(t, id, object{"secrets": object{"n1": object{"K0": "new"}}})
	made, err := cluster.Client().CoreV1().Secrets(namespace).Get(t.Context(), "s", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, "new", string(made.Data["K0"]))
	require.Len(t, made.Data, len(typed), "the other keys stay")
}
