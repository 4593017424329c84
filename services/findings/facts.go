package findings

import (
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeorch/core/models"
)

// Facts are what is known of one node. A nil pointer, map or list stands for what
// is absent, or does not matter for the type of the node.
type Facts struct {
	NodeID string
	Type   string            // of the node
	Object models.ObjectName // the node's main object
	UID    types.UID
	Exists bool // the main object does; the rest is empty without it

	Deployment  *appsv1.Deployment
	StatefulSet *appsv1.StatefulSet
	DaemonSet   *appsv1.DaemonSet
	Job         *batchv1.Job // of a Job node, or the newest of a CronJob
	CronJob     *batchv1.CronJob
	Service     *corev1.Service
	Ingress     *networkingv1.Ingress
	Claim       *corev1.PersistentVolumeClaim
	Autoscaler  *autoscalingv2.HorizontalPodAutoscaler
	Policy      *networkingv1.NetworkPolicy

	Pods     []corev1.Pod // of a workload, or those that the object selects
	MorePods bool         // Pods is not all of them
	Events   []corev1.Event
	Logs     []Log
	Quotas   []corev1.ResourceQuota
	Nodes    []corev1.Node

	Slices         []discoveryv1.EndpointSlice
	Balancer       Balancer
	IngressClasses []networkingv1.IngressClass
	Backends       map[string]*corev1.Service // by name; nil: there is none of that name
	Secrets        map[string]bool            // whether those that the object names exist
	StorageClasses []storagev1.StorageClass
	MetricsAPI     *bool // whether the cluster measures pods

	// Unread are the parts that could not be read, with the reason. Rules must not
	// take them for absent.
	Unread map[Part]string
}

// Part names what may be readable or not, apart from the rest.
type Part string

// The parts.
const (
	PartPods           Part = "pods"
	PartEvents         Part = "events"
	PartLogs           Part = "logs"
	PartQuotas         Part = "quotas"
	PartNodes          Part = "nodes"
	PartEndpoints      Part = "endpoints"
	PartBalancer       Part = "address pools"
	PartIngressClasses Part = "ingress classes"
	PartBackends       Part = "backends"
	PartSecrets        Part = "secrets"
	PartStorageClasses Part = "storage classes"
	PartJobs           Part = "jobs"
	PartMetrics        Part = "metrics"
)

// knows reports whether a part was read.
func (f Facts) knows(p Part) bool { return f.Unread[p] == "" }

// Log is the end of what an instance of a container printed.
type Log struct {
	Pod, Container string
	Lines          []string
}

// Balancer is what a cluster has that may give addresses to Services.
type Balancer struct {
	MetalLB bool // its kinds are there
	Pools   bool // it has a pool of addresses
}

// isWorkload reports whether the node makes pods.
func (f Facts) isWorkload() bool { return slices.Contains(workloadTypes(), f.Type) }

func workloadTypes() []string {
	return []string{"deployment", "statefulset", "daemonset", "job", "cronjob"}
}

// eventsOf returns the warnings about an object with one of the reasons, or with any
// without reasons, the newest first.
func (f Facts) eventsOf(uid types.UID, reasons ...string) []corev1.Event {
	var found []corev1.Event
	for _, e := range f.Events {
		if e.InvolvedObject.UID == uid && (len(reasons) == 0 && e.Type == corev1.EventTypeWarning || slices.Contains(reasons, e.Reason)) {
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, func(a, b corev1.Event) int { return seen(b).Compare(seen(a)) })
	return found
}

// anyEvent returns the newest events with one of the reasons, whatever they are about.
func (f Facts) anyEvent(reasons ...string) []corev1.Event {
	var found []corev1.Event
	for _, e := range f.Events {
		if slices.Contains(reasons, e.Reason) {
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, func(a, b corev1.Event) int { return seen(b).Compare(seen(a)) })
	return found
}

// logOf returns the last lines of a container, or nil.
func (f Facts) logOf(pod, container string) []string {
	for _, l := range f.Logs {
		if l.Pod == pod && l.Container == container {
			return l.Lines
		}
	}
	return nil
}

// containsAny reports whether text, in lower case, holds one of the words.
func containsAny(text string, words ...string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}
