package kinds

import "maps"

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
	if len(n.In(TypeHPA)) > 0 {
		return nil
	}
	return count
}
