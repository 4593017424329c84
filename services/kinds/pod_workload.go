package kinds

import (
	"maps"

	"github.com/kubeorch/core/models"
)

// workload is a kind that runs pods.
type workload struct{ templateKind }

// Values describes the Secret of the variables that are typed at run time.
func (w workload) Values(n *Node) *Values { return envValues(n) }

// merge returns what all of parts hold.
func merge(parts ...map[string]any) map[string]any {
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
	if autoscaled(n) {
		return nil
	}
	return count
}

func autoscaled(n *Node) bool { return len(n.In(TypeHPA)) > 0 }

// Initial returns the drawn number of pods where an autoscaler changes it later.
func (w workload) Initial(n *Node) []Initial {
	if !autoscaled(n) || w.typ == TypeDaemonSet || w.typ == TypeJob || w.typ == TypeCronJob {
		return nil
	}
	var p models.Problems
	return []Initial{{Path: []string{"spec", "replicas"}, Value: read(n, &p).count("replicas", 0)}}
}
