package kinds

import (
	"maps"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/models"
)

// workload is a kind that runs pods. It reads a node once for its check and
// once for its objects, through the same function.
type workload struct {
	templated
	name   rule
	values func(n *Node, f fields) map[string]any // for the template
}

// Check reports everything wrong with n and what is joined to it.
func (w workload) Check(n *Node) models.Problems {
	p := w.checkNamed(n, w.name)
	w.values(n, read(n, &p))
	return p
}

// Render returns n's objects.
func (w workload) Render(n *Node) ([]*unstructured.Unstructured, error) {
	var ignored models.Problems // Check has reported them
	return w.render(n, w.values(n, read(n, &ignored)))
}

// Values describes the Secret of the variables that are typed at run time.
func (w workload) Values(n *Node) *Values { return envValues(n) }

// with returns what all of parts hold.
func with(parts ...map[string]any) map[string]any {
	all := map[string]any{}
	for _, p := range parts {
		maps.Copy(all, p)
	}
	return all
}

// replicas returns how many pods n wants, and nil when an autoscaler decides:
// a run must not undo what that did.
func replicas(n *Node, f fields) any {
	count := f.count("replicas", 0)
	if len(n.In(TypeHPA)) > 0 {
		return nil
	}
	return count
}
