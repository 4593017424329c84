package run

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/services/plan"
	"github.com/kubeorch/core/services/status"
)

// explainedNodes is how many nodes' pods are read for the reasons that they give.
const explainedNodes = 20

// awaited is a node whose health is waited for, and the object that tells it.
type awaited struct {
	step plan.Step
	ref  applier.Ref
}

// awaitedNodes returns the nodes of p that become healthy some time after they were
// applied.
func awaitedNodes(p *plan.Plan) (nodes []awaited) {
	for _, step := range p.Steps {
		source, ok := status.SourceOf(step.Type)
		if !ok || !status.Awaited(step.Type) {
			continue
		}
		for _, o := range step.Objects {
			ref := applier.RefOf(o)
			if ref.Kind == source.Kind || source.Kind == "" && status.IsCustom(ref.GroupKind()) {
				nodes = append(nodes, awaited{step, ref})
				break
			}
		}
	}
	return nodes
}

// observe returns the nodes that are not healthy. Objects are read as they are now in
// the cluster, because a stored status may be that of what was there before.
func observe(ctx context.Context, t clusterTarget, nodes []awaited) (found []unhealthy, err error) {
	objects, err := readObjects(ctx, t, nodes)
	if err != nil {
		return nil, err
	}
	var bad []awaited
	for _, n := range nodes {
		o := n.of(objects)
		if o == nil && n.step.Type == "job" { // clusters remove Jobs that have ended
			continue
		}
		if o == nil || !isHealthy(n, status.Of(o, nil)) {
			bad = append(bad, n)
		}
	}
	pods := readPods(ctx, t, bad[:min(len(bad), explainedNodes)])
	for _, n := range bad {
		found = append(found, n.explain(n.of(objects), pods[plan.NodeLabel(n.step.NodeID)]))
	}
	return found, nil
}

// of returns the object of n, or nil. That of a plugin may belong to no namespace,
// whatever was drawn.
func (n awaited) of(objects map[objectKey]*status.Object) *status.Object {
	key := keyOf(n.ref)
	if o := objects[key]; o != nil {
		return o
	}
	key.namespace = ""
	return objects[key]
}

func isHealthy(n awaited, s status.Status) bool {
	healthy, _ := status.Health(n.step.Type, s)
	return healthy
}

// explain says why a node is not healthy.
func (n awaited) explain(o *status.Object, pods []*status.Pod) unhealthy {
	if o == nil {
		return unhealthy{nodeID: n.step.NodeID, why: fmt.Sprintf("%s is gone", n.ref)}
	}
	s := status.Of(o, pods)
	_, never := status.Health(n.step.Type, s)
	why, _ := s["message"].(string)
	if reason, _ := s["reason"].(string); reason != "" {
		why = reason + ": " + why
	}
	if why == "" {
		why = fmt.Sprintf("its state is %v", s["state"])
	}
	return unhealthy{n.step.NodeID, why, never}
}

func readObjects(ctx context.Context, t clusterTarget, nodes []awaited) (map[objectKey]*status.Object, error) {
	types := map[schema.GroupKind]string{}
	var gvks []schema.GroupVersionKind
	for _, n := range nodes {
		types[n.ref.GroupKind()] = n.step.Type
		gvks = append(gvks, n.ref.GroupVersionKind)
	}
	objects := map[objectKey]*status.Object{}
	err := t.Each(ctx, distinct(gvks), applier.ListOptions{Namespaces: namespacesOf(nodes)}, func(u *unstructured.Unstructured) {
		ref := applier.RefOf(u)
		if extract, ok := status.Extractor(types[ref.GroupKind()]); ok {
			objects[keyOf(ref)] = extract(u)
		}
	})
	return objects, err
}

// readPods returns the pods of nodes by the label of their node. Pods that cannot be
// read leave reasons out.
func readPods(ctx context.Context, t clusterTarget, nodes []awaited) map[string][]*status.Pod {
	pods := map[string][]*status.Pod{}
	if len(nodes) == 0 {
		return pods
	}
	labels := make([]string, len(nodes))
	for i, n := range nodes {
		labels[i] = plan.NodeLabel(n.step.NodeID)
	}
	_ = t.Each(ctx, []schema.GroupVersionKind{{Version: "v1", Kind: "Pod"}}, applier.ListOptions{
		Selector: fmt.Sprintf("%s in (%s)", plan.NodeIDLabel, strings.Join(labels, ",")), Namespaces: namespacesOf(nodes),
	}, func(u *unstructured.Unstructured) {
		label := u.GetLabels()[plan.NodeIDLabel]
		pods[label] = append(pods[label], status.ExtractPod(u))
	})
	return pods
}

func namespacesOf(nodes []awaited) (namespaces []string) {
	for _, n := range nodes {
		if n.ref.Namespace != "" {
			namespaces = append(namespaces, n.ref.Namespace)
		}
	}
	slices.Sort(namespaces)
	return slices.Compact(namespaces)
}
