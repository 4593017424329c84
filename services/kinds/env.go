package kinds

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/validator"
)

// valuesSecret names the Secret that holds the environment values of a
// workload that are typed at run time.
func valuesSecret(n *Node) string { return n.Name + "-env" }

// envValues describes that Secret, or is nil when n lists no variables.
func envValues(n *Node) *Values {
	var ignored models.Problems // Check has reported them
	keys := envKeys(read(n, &ignored))
	if len(keys) == 0 {
		return nil
	}
	labels := map[string]any{}
	for k, v := range objectLabels(n.Name, nil) {
		labels[k] = v
	}
	return &Values{Keys: keys, Env: true, Object: &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1",
		"kind":       "Secret",
		"type":       string(corev1.SecretTypeOpaque),
		"metadata":   map[string]any{"name": valuesSecret(n), "namespace": n.Namespace, "labels": labels},
	}}}
}

// envKeys returns the names of the variables whose values are typed at run
// time, each once, in the order drawn.
func envKeys(f fields) []string {
	var names []string
	for i, v := range f.list("envKeys") {
		name, ok := v.(string)
		if entry := models.AsData(v); entry != nil {
			name, ok = entry.String("name"), true
		}
		switch at := fmt.Sprintf("envKeys[%d]", i); {
		case !ok && v != nil:
			f.addf(at, "must be an object with a name")
		case placeholder(name) || slices.Contains(names, name):
		default:
			// The name is a variable's and a Secret's key at once.
			f.check(at+".name", name, validator.EnvName, validator.DataKey)
			names = append(names, name)
		}
	}
	return names
}

// environment returns the variables of n's container. Those typed at run time
// replace those in the drawing, and are optional: pods start before anybody
// typed a value.
func environment(n *Node, f fields) []any {
	typed := envKeys(f)
	vars := slices.DeleteFunc(envVars(f, "env"), func(v any) bool {
		name, _ := variable(v)
		return slices.Contains(typed, name)
	})
	for _, name := range typed {
		ref := map[string]any{"name": valuesSecret(n), "key": name, "optional": true}
		vars = append(vars, map[string]any{"name": name, "valueFrom": map[string]any{"secretKeyRef": ref}})
	}
	return vars
}

// envVars reads variables at key: an object of names and values, or a list in
// the form of Kubernetes.
func envVars(f fields, key string) []any {
	var vars []any
	if _, isList := f.data[key].([]any); isList {
		vars, _ = f.decode(key, &[]corev1.EnvVar{}).([]any)
	} else {
		values := f.stringMap(key)
		for _, name := range slices.Sorted(maps.Keys(values)) {
			vars = append(vars, map[string]any{"name": name, "value": values[name]})
		}
	}
	seen := map[string]bool{}
	for _, v := range vars {
		name, _ := variable(v)
		f.check(fmt.Sprintf("%s[%q]", key, name), name, validator.EnvName)
		if seen[name] {
			f.addf(key, "sets %q twice", name)
		}
		seen[name] = true
	}
	return vars
}

// envFrom returns the joined ConfigMaps and Secrets whose keys become
// variables: those without a mount, and Secrets with one too, because a form
// offers no other way to a variable once a Secret is joined. Secrets are
// optional: they do not exist before their values were typed.
func envFrom(n *Node, f fields, mounted func(*Node) bool) []any {
	var from []any
	for _, cm := range configSources(n, mounted) {
		from = append(from, map[string]any{"configMapRef": map[string]any{"name": cm.Name}})
	}
	for _, s := range joined(n, TypeSecret) {
		if opaque(s) || !mounted(s) && !pullSecret(s) {
			from = append(from, map[string]any{"secretRef": map[string]any{"name": s.Name, "optional": true}})
		}
	}
	own, _ := f.decode("envFrom", &[]corev1.EnvFromSource{}).([]any)
	return append(from, own...)
}

func configSources(n *Node, mounted func(*Node) bool) []*Node {
	return slices.DeleteFunc(joined(n, TypeConfigMap), mounted)
}

// joined returns the nodes of a type whose edges lead to n, each once, by
// name: which of two variables of one name wins must not depend on ids.
func joined(n *Node, typ string) []*Node {
	var found []*Node
	for _, p := range n.In(typ) {
		if !slices.Contains(found, p.Node) {
			found = append(found, p.Node)
		}
	}
	slices.SortStableFunc(found, func(a, b *Node) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return found
}

func opaque(secret *Node) bool {
	typ := secret.Data.String("secretType")
	return typ == "" || typ == string(corev1.SecretTypeOpaque)
}

func pullSecret(secret *Node) bool {
	return secret.Data.String("secretType") == string(corev1.SecretTypeDockerConfigJson)
}

// configHash identifies the drawn content of nodes. Kubernetes reads what
// envFrom names once, at the start of a pod; with this in the pod template a
// changed value starts new pods.
func configHash(nodes []*Node) string {
	if len(nodes) == 0 {
		return ""
	}
	h := sha256.New()
	for _, n := range nodes {
		var ignored models.Problems // the ConfigMap's own check reports them
		content := []any{n.Name, read(n, &ignored).stringMap("data"), n.Data["binaryData"]}
		_ = json.NewEncoder(h).Encode(content) // plain data
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
