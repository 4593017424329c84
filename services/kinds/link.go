package kinds

import "slices"

// The node types of the palette.
const (
	TypeDeployment  = "deployment"
	TypeStatefulSet = "statefulset"
	TypeDaemonSet   = "daemonset"
	TypeJob         = "job"
	TypeCronJob     = "cronjob"
	TypeService     = "service"
	TypeIngress     = "ingress"
	TypeConfigMap   = "configmap"
	TypeSecret      = "secret"
	TypeClaim       = "persistentvolumeclaim"
	TypeHPA         = "hpa"
	TypePolicy      = "networkpolicy"
	TypePlugin      = "plugin"
)

// Workloads lists the types that run pods.
func Workloads() []string {
	return []string{TypeDeployment, TypeStatefulSet, TypeDaemonSet, TypeJob, TypeCronJob}
}

// Link is what an edge between two node types means.
type Link struct {
	// Turned tells that the edge was drawn against the direction that its
	// pair has; its ends are to be swapped before anything else is read.
	Turned bool
	// SourceWaits tells which end is made later, after turning: the source
	// (true) or the target (false).
	SourceWaits bool
	// Gates tells that the later end is not made at all when the earlier one
	// fails.
	Gates bool
}

// LinkOf returns the meaning of an edge from a node of type source to one of
// type target, and false when there is none. Either direction of a pair is
// accepted, since the pair alone tells what is meant.
func LinkOf(source, target string) (Link, bool) {
	if l, ok := linkOf(source, target); ok {
		return l, true
	}
	l, ok := linkOf(target, source)
	l.Turned = true
	return l, ok
}

// linkOf is the table of edges, by the direction in which the canvas draws
// them: from a consumer to its provider for traffic and scaling, from a
// dependency to its dependant for what pods use.
func linkOf(from, to string) (Link, bool) {
	consumer := Link{SourceWaits: true, Gates: true}
	dependency := Link{Gates: true}
	switch from {
	case TypeIngress:
		return orPlugin(consumer, to, TypeService)
	case TypeService:
		return orPlugin(consumer, to, TypeDeployment, TypeStatefulSet, TypeDaemonSet)
	case TypeHPA:
		return orPlugin(consumer, to, TypeDeployment, TypeStatefulSet)
	case TypeConfigMap, TypeSecret, TypeClaim:
		return orPlugin(dependency, to, Workloads()...)
	case TypePolicy:
		// Ordered but not gated: when one of several workloads fails, the
		// others run, and must not run without their policy.
		return orPlugin(Link{SourceWaits: true}, to, Workloads()...)
	case TypeDeployment, TypeStatefulSet, TypeDaemonSet, TypeJob, TypeCronJob:
		// Between workloads an edge is pure order, as imports draw "depends
		// on": the target starts after the source.
		return orPlugin(dependency, to, Workloads()...)
	case TypePlugin:
		return dependency, slices.Contains(types(), to)
	}
	return Link{}, false
}

// orPlugin returns l when to is one of allowed. What a custom resource means
// to its neighbour is unknown here, so an edge to one is order alone: the
// source comes first.
func orPlugin(l Link, to string, allowed ...string) (Link, bool) {
	if to == TypePlugin {
		return Link{Gates: true}, true
	}
	return l, slices.Contains(allowed, to)
}

func types() []string {
	return append(Workloads(), TypeService, TypeIngress, TypeConfigMap, TypeSecret, TypeClaim,
		TypeHPA, TypePolicy, TypePlugin)
}

// IsType reports whether name is a node type of the palette.
func IsType(name string) bool { return slices.Contains(types(), name) }

// Phase returns when objects of a node type are made where no edge says
// otherwise, lowest first: what pods use, workloads, Services, Ingresses,
// autoscalers, policies, custom resources.
func Phase(nodeType string) int {
	switch nodeType {
	case TypeClaim, TypeConfigMap, TypeSecret:
		return 0
	case TypeDeployment, TypeStatefulSet, TypeDaemonSet, TypeJob, TypeCronJob:
		return 1
	case TypeService:
		return 2
	case TypeIngress:
		return 3
	case TypeHPA:
		return 4
	case TypePolicy:
		return 5
	}
	return 6
}
