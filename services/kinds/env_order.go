package kinds

import (
	"strings"

	"github.com/kubeorch/core/models"
)

// byReference returns vars with each variable behind those that its value
// refers to as $(NAME), because Kubernetes replaces a reference only by a
// variable listed earlier. Nothing else moves: a list keeps the order in which
// it was drawn, an object of names and values that of the names. Within a
// cycle one reference stays unreplaced.
func byReference(vars []any) []any {
	byName := map[string]any{}
	for _, v := range vars {
		name, _ := variable(v)
		byName[name] = v
	}
	out := make([]any, 0, len(vars))
	placed := map[string]bool{}
	var place func(v any)
	place = func(v any) {
		name, value := variable(v)
		if placed[name] {
			return
		}
		placed[name] = true
		for _, earlier := range references(value) {
			if first, known := byName[earlier]; known {
				place(first)
			}
		}
		out = append(out, v)
	}
	for _, v := range vars {
		place(v)
	}
	return out
}

// variable returns the name of an environment variable in the form of
// Kubernetes, and its value where the drawing has it.
func variable(v any) (name, value string) {
	m, _ := v.(map[string]any)
	name, _ = m["name"].(string)
	value, _ = m["value"].(string)
	return name, value
}

// references returns the names that a value refers to as $(NAME), in order.
// $$(NAME) is none.
func references(value string) []string {
	var names []string
	for {
		at := strings.IndexByte(value, '$')
		if at < 0 || at+1 == len(value) {
			return names
		}
		next := value[at+1]
		value = value[at+2:]
		if next != '(' {
			continue
		}
		name, rest, closed := strings.Cut(value, ")")
		if !closed {
			return names
		}
		value = rest
		names = append(names, name)
	}
}

// Warner is implemented by kinds that find likely mistakes in a node that can
// be run all the same.
type Warner interface {
	// Warnings reports them for a node that passed Check.
	Warnings(n *Node) models.Problems
}

// Warnings reports the references between variables that Kubernetes leaves as
// they are.
func (w workload) Warnings(n *Node) models.Problems {
	var p models.Problems
	f := muted(read(n, nil))
	if f.data["envFrom"] != nil {
		return nil // what that brings is known in the cluster only
	}
	linked, listed, earlier := linkedNames(n), map[string]bool{}, map[string]bool{}
	vars := byReference(environment(n, f))
	for _, v := range vars {
		name, _ := variable(v)
		listed[name] = true
	}
	for _, v := range vars {
		name, value := variable(v)
		told := map[string]bool{}
		for _, to := range references(value) {
			switch {
			case told[to] || earlier[to] || linked[to] || fromService(to):
			case listed[to]:
				p.Addf(entryPath("env", name), "refers to $(%s), which needs this one first, so that text stays as it is", to)
			default:
				p.Addf(entryPath("env", name), "refers to $(%s), which is no variable of this container, so that text stays as it is", to)
			}
			told[to] = true
		}
		earlier[name] = true
	}
	return p
}

// linkedNames returns the keys of the ConfigMaps and Secrets joined to n,
// which become variables before the listed ones.
func linkedNames(n *Node) map[string]bool {
	names := map[string]bool{}
	for _, cm := range joined(n, TypeConfigMap) {
		for key := range cm.Data.Map("data") {
			names[key] = true
		}
	}
	for _, s := range joined(n, TypeSecret) {
		for _, key := range keyNames(muted(read(s, nil))) {
			names[key] = true
		}
	}
	return names
}

// fromService reports whether name is like those that the cluster sets for its
// Services: API_SERVICE_HOST, API_PORT, API_PORT_80_TCP_ADDR.
func fromService(name string) bool {
	return strings.HasSuffix(name, "_SERVICE_HOST") || strings.Contains(name, "_PORT")
}
