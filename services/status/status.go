// Package status tells how a drawn node is doing from what the cluster says of
// its objects and pods. Everything here takes values and returns values.
//
// It works in two steps. Extract reduces an object to the few facts that
// matter, so that thousands of them can be kept in memory; Of makes the status
// of a node from such an extract and those of its pods. A status is a complete
// JSON object: equal facts give equal statuses.
package status

import (
	"fmt"
	"maps"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/models"
)

// Status is what a node's panel shows: "state", "message" and the figures of
// its type. Numbers are int64, times are RFC 3339 text.
type Status = map[string]any

// Object is the extract of one object of the cluster. It does not change.
type Object struct {
	Namespace string
	Name      string
	Deleting  bool
	UID       string

	// Fields, Others and State are applier.Marks, where whoever extracts sets them.
	Fields, Others, State string

	facts facts
}

// facts is what one node type needs to know of its object.
type facts interface {
	// status returns the node's status; pods are those the object owns or,
	// for types that own none, those of the whole workflow.
	status(o *Object, pods []*Pod) Status
}

// Source says where the status of a node type comes from.
type Source struct {
	Resource schema.GroupVersionResource // empty for plugin nodes: their kind is known by the run only
	Kind     string
	Metadata bool // the object's existence is all there is to know
	Pods     Pods // which pods Of wants
}

// Pods tells which pods a status depends on.
type Pods uint8

// The zero value of Pods is none at all.
const (
	NoPods       Pods = iota
	NodePods          // those of the same node
	WorkflowPods      // all of the workflow
)

// rule is how one node type is read.
type rule struct {
	source  Source
	extract func(u *unstructured.Unstructured) facts // u is nil where existence is all
}

func resource(group, version, plural, kind string, pods Pods) Source {
	return Source{Resource: schema.GroupVersionResource{Group: group, Version: version, Resource: plural}, Kind: kind, Pods: pods}
}

func existence(s Source) Source {
	s.Metadata = true
	return s
}

// rules returns how each node type is read.
func rules() map[string]rule {
	return map[string]rule{
		"deployment":            {resource("apps", "v1", "deployments", "Deployment", NodePods), extractDeployment},
		"statefulset":           {resource("apps", "v1", "statefulsets", "StatefulSet", NodePods), extractStatefulSet},
		"daemonset":             {resource("apps", "v1", "daemonsets", "DaemonSet", NodePods), extractDaemonSet},
		"job":                   {resource("batch", "v1", "jobs", "Job", NodePods), extractJob},
		"cronjob":               {resource("batch", "v1", "cronjobs", "CronJob", NodePods), extractCronJob},
		"service":               {resource("", "v1", "services", "Service", NoPods), extractService},
		"ingress":               {resource("networking.k8s.io", "v1", "ingresses", "Ingress", NoPods), extractIngress},
		"networkpolicy":         {resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", WorkflowPods), extractPolicy},
		"hpa":                   {resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", NoPods), extractScaler},
		"persistentvolumeclaim": {resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", NoPods), extractClaim},
		"configmap":             {existence(resource("", "v1", "configmaps", "ConfigMap", NoPods)), extractConfigMap},
		"secret":                {existence(resource("", "v1", "secrets", "Secret", NoPods)), extractSecret},
		"plugin":                {Source{Pods: NodePods}, extractCustom},
	}
}

// SourceOf returns where the status of a node type comes from. ok is false
// for types that have none.
func SourceOf(nodeType string) (s Source, ok bool) {
	r, ok := rules()[nodeType]
	return r.source, ok
}

// SourceOfKind returns the node type whose objects are of a kind, and where they are.
// ok is false for kinds that are an operator's.
func SourceOfKind(gk schema.GroupKind) (nodeType string, s Source, ok bool) {
	for nodeType, r := range rules() {
		if r.source.Kind == gk.Kind && r.source.Resource.Group == gk.Group {
			return nodeType, r.source, true
		}
	}
	return "", Source{}, false
}

// IsCustom reports whether objects of a kind are an operator's, so that their
// node is a plugin.
func IsCustom(gk schema.GroupKind) bool {
	_, _, builtin := SourceOfKind(gk)
	return !builtin && strings.Contains(gk.Group, ".") // the rule for groups of custom resources
}

// Extractor returns the function that reduces objects of a node type. It takes
// *unstructured.Unstructured, or any object with metadata for types whose
// Source says so; the result keeps nothing of it. ok is false for types
// without a status.
func Extractor(nodeType string) (extract func(metav1.Object) *Object, ok bool) {
	r, ok := rules()[nodeType]
	return func(m metav1.Object) *Object {
		u, _ := m.(*unstructured.Unstructured)
		return &Object{
			Namespace: intern(m.GetNamespace()), Name: intern(m.GetName()),
			Deleting: m.GetDeletionTimestamp() != nil, UID: string(m.GetUID()), facts: r.extract(u),
		}
	}, ok
}

// Of returns the status of a node whose object is o. Events are those of the
// object itself, of the pods, of the claims made for a StatefulSet (ClaimOwners
// tells which those are) and of the Jobs of a CronJob (JobOwner), in any order.
// They give a reason where something does not work and the objects do not tell
// why; they never make a status worse that is good.
func Of(o *Object, pods []*Pod, events ...*Event) Status {
	f := o.facts
	if e, ok := f.(explained); ok && len(events) > 0 {
		f = e.explain(current(o, pods, events))
	}
	return f.status(o, pods)
}

// explained are facts to which events add.
type explained interface {
	// explain returns the facts with what events tell, which are about the
	// object and its pods as they are now.
	explain(events []*Event) facts
}

// Deleted returns the status of a node whose object was there and is not any
// more.
func Deleted(kind, namespace, name string) Status {
	if kind == "" {
		kind = "Object"
	}
	return with(Status{"state": "error"}, "Deleted",
		fmt.Sprintf("%s %q was deleted from the cluster (namespace %q); run the workflow to create it again", kind, name, namespace))
}

// with adds a reason and a cleaned message to s where they are not empty.
func with(s Status, reason, message string) Status {
	if reason != "" {
		s["reason"] = reason
	}
	if message != "" {
		s["message"] = Clean(message)
	}
	return s
}

// Equal reports whether two statuses say the same. Numbers are compared by
// value, since a database may return another type than was stored.
func Equal(a, b Status) bool {
	return maps.EqualFunc(a, b, func(x, y any) bool {
		if n, ok := wholeNumber(x); ok {
			m, ok := wholeNumber(y)
			return ok && n == m
		}
		switch x.(type) {
		case string, bool, nil, float64:
			return x == y
		}
		return false // nothing that this package makes
	})
}

func wholeNumber(v any) (int64, bool) {
	if _, text := v.(string); text {
		return 0, false
	}
	return models.Int(v)
}
