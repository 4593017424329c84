package models

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRenamedGraph(t *testing.T) {
	t.Parallel()
	node := func(id, typ string, data Data) Node { return Node{ID: id, Type: typ, Data: data} }
	g := Graph{
		Nodes: []Node{
			node("1", "deployment", Data{
				"name": "web", "image": "web", "env": map[string]any{"serviceName": "api"},
				"volumeMounts": []any{
					map[string]any{"type": "configMap", "name": "conf", "mountPath": "/conf"},
					map[string]any{"type": "secret", "name": "elsewhere", "mountPath": "/pw"},
				},
			}),
			node("2", "service", Data{"name": "api", "targetApp": "web", "selector": map[string]any{"app": "web"}}),
			node("3", "ingress", Data{"name": "in", "host": "web", "tlsSecretName": "pw", "paths": []any{map[string]any{"serviceName": "api"}}}),
			node("4", "hpa", Data{"name": "auto", "scaleTargetName": "web"}),
			node("5", "statefulset", Data{"name": "db", "serviceName": "db-headless"}),
			node("6", "networkpolicy", Data{
				"name": "wall", "podSelector": map[string]any{"app": "web"},
				"ingressRules": []any{map[string]any{"from": []any{map[string]any{"podSelector": map[string]any{"app": "db"}}}}},
			}),
			node("7", "configmap", Data{"name": "conf", "data": map[string]any{"serviceName": "api"}}),
			node("8", "secret", Data{"name": "pw"}),
			node("9", "cronjob", Data{"name": strings.Repeat("a", 50)}),
			node("10", "job", Data{}),
		},
		Edges: []Edge{{ID: "e", Source: "2", Target: "1"}},
	}
	before := g.Tidy()
	got := g.Renamed("-3f9a")
	require.Equal(t, before, g.Tidy(), "the original stays as it is")
	require.Equal(t, g.Edges, got.Edges)
	data := func(i int) Data { return got.Nodes[i-1].Data }
	require.Equal(t, "web-3f9a", data(1)["name"])
	require.Equal(t, "web", data(1)["image"])
	require.Equal(t, map[string]any{"serviceName": "api"}, data(1)["env"])
	mounts, _ := data(1)["volumeMounts"].([]any)
	require.Equal(t, map[string]any{"type": "configMap", "name": "conf-3f9a", "mountPath": "/conf"}, mounts[0])
	require.Equal(t, map[string]any{"type": "secret", "name": "elsewhere", "mountPath": "/pw"}, mounts[1])
	require.Equal(t, Data{"name": "api-3f9a", "targetApp": "web-3f9a", "selector": map[string]any{"app": "web-3f9a"}}, data(2))
	require.Equal(t, Data{
		"name": "in-3f9a", "host": "web", "tlsSecretName": "pw-3f9a", "paths": []any{map[string]any{"serviceName": "api-3f9a"}},
	}, data(3))
	require.Equal(t, Data{"name": "auto-3f9a", "scaleTargetName": "web-3f9a"}, data(4))
	require.Equal(t, Data{"name": "db-3f9a", "serviceName": "db-headless-3f9a"}, data(5))
	require.Equal(t, map[string]any{"app": "web-3f9a"}, data(6)["podSelector"])
	require.Equal(t, []any{map[string]any{"from": []any{map[string]any{"podSelector": map[string]any{"app": "db-3f9a"}}}}}, data(6)["ingressRules"])
	require.Equal(t, Data{"name": "conf-3f9a", "data": map[string]any{"serviceName": "api"}}, data(7))
	require.Equal(t, strings.Repeat("a", 47)+"-3f9a", data(9)["name"])
	require.Equal(t, Data{}, data(10))
}
