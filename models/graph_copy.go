package models

import (
	"maps"
	"slices"
	"strings"
)

// longestCopyName is the shortest of the bounds that Kubernetes sets on names of
// what nodes make, that of CronJobs.
const longestCopyName = 52

// Renamed returns a copy of g in which the names of all nodes end in suffix, and
// the names by which nodes refer to each other do as well. Other texts, such as
// the values of environment variables, stay as they are.
func (g Graph) Renamed(suffix string) Graph {
	names := copyNames{suffix: suffix, byClass: map[string]map[string]string{}}
	for _, n := range g.Nodes {
		if name := n.Data.String("name"); name != "" {
			names.of(n.Type)[name] = names.renamed(name)
		}
	}
	out := Graph{Nodes: make([]Node, len(g.Nodes)), Edges: slices.Clone(g.Edges)}
	for i, n := range g.Nodes {
		n.Data = names.data(n)
		out.Nodes[i] = n
	}
	return out
}

// copyNames knows the new name of each old one, by what it is the name of.
type copyNames struct {
	suffix  string
	byClass map[string]map[string]string
}

const workloadClass = "workload"

// of returns the new names of nodes of a type. All workloads are one class: what
// refers to them does so by one field for all.
func (c copyNames) of(nodeType string) map[string]string {
	switch nodeType {
	case "deployment", "statefulset", "daemonset", "job", "cronjob":
		nodeType = workloadClass
	}
	if c.byClass[nodeType] == nil {
		c.byClass[nodeType] = map[string]string{}
	}
	return c.byClass[nodeType]
}

func (c copyNames) renamed(name string) string {
	if room := max(longestCopyName, len(name)) - len(c.suffix); len(name) > room {
		name = strings.TrimRight(name[:room], "-.")
	}
	return name + c.suffix
}

// data returns the data of n with new names.
func (c copyNames) data(n Node) Data {
	data := maps.Clone(n.Data)
	if n.Type != "plugin" && n.Type != "configmap" { // which hold texts of people
		for key, v := range data {
			data[key] = c.value(key, v)
		}
	}
	name := n.Data.String("name")
	if name != "" {
		data["name"] = c.of(n.Type)[name]
	}
	// A StatefulSet makes a Service of this name where no node does.
	if governing := n.Data.String("serviceName"); n.Type == "statefulset" && governing != "" && c.of("service")[governing] == "" {
		data["serviceName"] = c.renamed(governing)
	}
	return data
}

// value returns a copy of v, the value of key, with new names.
func (c copyNames) value(key string, v any) any {
	switch v := v.(type) {
	case string:
		switch key {
		case "targetApp", "scaleTargetName":
			return c.newName(workloadClass, v)
		case "serviceName":
			return c.newName("service", v)
		case "tlsSecretName":
			return c.newName("secret", v)
		}
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = c.value(key, e)
		}
		return list
	case map[string]any:
		return c.object(key, v)
	}
	return v
}

func (c copyNames) object(key string, v map[string]any) map[string]any {
	switch key {
	case "env", "labels", "annotations", "_pluginFields": // texts of people
		return maps.Clone(v)
	}
	out := make(map[string]any, len(v))
	for k, e := range v {
		out[k] = c.value(k, e)
	}
	switch key {
	case "podSelector", "selector", "matchLabels":
		if app, ok := out["app"].(string); ok {
			out["app"] = c.newName(workloadClass, app)
		}
	case "volumeMounts":
		class, _ := v["type"].(string)
		if name, ok := v["name"].(string); ok {
			out["name"] = c.newName(strings.ToLower(class), name)
		}
	}
	return out
}

// newName returns the new name of what is called old, and old itself where no
// node of the drawing is called that.
func (c copyNames) newName(class, old string) string {
	if name := c.of(class)[strings.TrimSpace(old)]; name != "" {
		return name
	}
	return old
}
