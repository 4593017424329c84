package main

import (
	"fmt"

	"github.com/kubeorch/core/tools/internal/api"
)

// deployments draws n Deployments with a realistic amount of data each.
func deployments(name, namespace string, n, replicas int) api.Graph {
	g := api.Graph{Name: name, Edges: []map[string]any{}}
	for i := range n {
		id := fmt.Sprintf("node-%d", i+1)
		g.Nodes = append(g.Nodes, map[string]any{
			"id": id, "type": "deployment", "position": map[string]any{"x": i % 10 * 200, "y": i / 10 * 150},
			"data": map[string]any{
				"id": id, "name": fmt.Sprintf("app-%03d", i), "namespace": namespace, "templateId": "core/deployment",
				"image": image, "replicas": replicas, "port": 8080,
				"env":       map[string]any{"MODE": "production", "REGION": "eu-west-1", "INDEX": fmt.Sprint(i)},
				"resources": map[string]any{"requests": map[string]any{"cpu": "10m", "memory": "16Mi"}, "limits": map[string]any{"memory": "64Mi"}},
			},
		})
	}
	return g
}

// mixed draws n nodes of each of five kinds, without starting pods.
func mixed(name, namespace string, n int) api.Graph {
	g := api.Graph{Name: name, Edges: []map[string]any{}}
	add := func(kind string, i int, data map[string]any) {
		id := fmt.Sprintf("%s-%d", kind, i)
		data["name"], data["namespace"], data["templateId"] = fmt.Sprintf("%s-%s-%03d", name, kind, i), namespace, "core/"+kind
		g.Nodes = append(g.Nodes, map[string]any{"id": id, "type": kind, "position": map[string]any{"x": i, "y": i}, "data": data})
	}
	for i := range n {
		add("deployment", i, map[string]any{"image": "nginx:1.29-alpine", "replicas": 0, "port": 8080})
		add("service", i, map[string]any{"serviceType": "ClusterIP", "targetApp": fmt.Sprintf("%s-deployment-%03d", name, i), "port": 80})
		add("configmap", i, map[string]any{"data": map[string]any{"a": "1", "b": "2"}})
		add("cronjob", i, map[string]any{"image": "busybox:1.37", "schedule": "0 6 1 1 *", "suspend": true})
		add("networkpolicy", i, map[string]any{"podSelector": map[string]any{"app": fmt.Sprintf("%s-deployment-%03d", name, i)},
			"policyTypes": []string{"Ingress"}, "ingressRules": []any{}})
	}
	return g
}
