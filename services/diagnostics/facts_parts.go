package diagnostics

import (
	"context"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/services/findings"
)

// keep stores the main object under its type.
func (r *reader) keep(u *unstructured.Unstructured) error {
	f := &r.facts
	switch r.node.Type {
	case "deployment":
		return keepAs(u, &f.Deployment)
	case "statefulset":
		return keepAs(u, &f.StatefulSet)
	case "daemonset":
		return keepAs(u, &f.DaemonSet)
	case "job":
		return keepAs(u, &f.Job)
	case "cronjob":
		return keepAs(u, &f.CronJob)
	case "service":
		return keepAs(u, &f.Service)
	case "ingress":
		return keepAs(u, &f.Ingress)
	case "persistentvolumeclaim":
		return keepAs(u, &f.Claim)
	case "hpa":
		return keepAs(u, &f.Autoscaler)
	case "networkpolicy":
		return keepAs(u, &f.Policy)
	}
	return nil
}

func keepAs[T any](u *unstructured.Unstructured, at **T) error {
	*at = new(T)
	return typed(u, *at)
}

// first returns the steps whose outcome others need.
func (r *reader) first() []step {
	switch f := r.facts; r.node.Type {
	case "deployment", "statefulset", "daemonset", "job":
		return []step{r.pods(r.podSelector())}
	case "cronjob":
		return []step{r.pods(r.podSelector()), {findings.PartJobs, r.readNewestJob}}
	case "service":
		if len(f.Service.Spec.Selector) > 0 {
			return []step{r.pods(labels.Set(f.Service.Spec.Selector).String())}
		}
	case "networkpolicy":
		return []step{r.pods(metav1.FormatLabelSelector(&f.Policy.Spec.PodSelector))}
	}
	return nil
}

// second returns the other steps.
func (r *reader) second() []step {
	if f := &r.facts; f.CronJob != nil { // what earlier Jobs left is over
		f.Pods = slices.DeleteFunc(f.Pods, func(p corev1.Pod) bool { return f.Job == nil || p.Labels[batchv1.JobNameLabel] != f.Job.Name })
	}
	steps := []step{{findings.PartEvents, r.readEvents}}
	switch r.node.Type {
	case "deployment", "statefulset", "daemonset", "job", "cronjob":
		steps = append(steps, step{findings.PartLogs, r.readLogs}, step{findings.PartQuotas, r.readQuotas}, step{findings.PartNodes, r.readNodes})
	case "service":
		steps = append(steps, step{findings.PartEndpoints, r.readSlices}, step{findings.PartLogs, r.readLogs},
			step{findings.PartNodes, r.readNodes}, step{findings.PartBalancer, r.readBalancer})
	case "ingress":
		steps = append(steps, step{findings.PartIngressClasses, r.readIngressClasses}, step{findings.PartBackends, r.readBackends},
			step{findings.PartSecrets, r.readSecrets})
	case "persistentvolumeclaim":
		steps = append(steps, step{findings.PartStorageClasses, r.readStorageClasses}, step{findings.PartQuotas, r.readQuotas})
	case "hpa":
		steps = append(steps, step{findings.PartMetrics, r.readMetricsAPI})
	}
	return steps
}

func (r *reader) pods(selector string) step {
	return step{findings.PartPods, func(ctx context.Context) error {
		if selector == "<none>" { // of a policy: all pods of the namespace
			selector = ""
		}
		pods, more, err := list[corev1.Pod](ctx, r, kubernetes.ReadRequest{
			Kind: core("Pod"), Namespace: r.facts.Object.Namespace, Labels: selector, Most: maxPods,
		})
		r.set(func(f *findings.Facts) { f.Pods, f.MorePods = pods, more })
		return err
	}}
}

// readNewestJob reads the newest Job of a CronJob.
func (r *reader) readNewestJob(ctx context.Context) error {
	jobs, _, err := list[batchv1.Job](ctx, r, kubernetes.ReadRequest{
		Kind: schema.GroupVersionKind{Group: "batch", Version: "v1", Kind: "Job"}, Namespace: r.facts.Object.Namespace,
		Labels: r.podSelector(), Most: maxList,
	})
	for i := range jobs {
		if before := r.facts.Job; before == nil || before.CreationTimestamp.Before(&jobs[i].CreationTimestamp) {
			r.set(func(f *findings.Facts) { f.Job = &jobs[i] })
		}
	}
	return err
}

func (r *reader) readQuotas(ctx context.Context) error {
	quotas, _, err := list[corev1.ResourceQuota](ctx, r, kubernetes.ReadRequest{
		Kind: core("ResourceQuota"), Namespace: r.facts.Object.Namespace, Most: maxList,
	})
	r.set(func(f *findings.Facts) { f.Quotas = quotas })
	return err
}

// readNodes reads the nodes of the cluster where a pod finds none, and where a Service
// waits for an address.
func (r *reader) readNodes(ctx context.Context) error {
	if !r.wide || r.node.Type != "service" && !anyUnscheduled(r.facts.Pods) || r.node.Type == "service" && !waitsForBalancer(r.facts.Service) {
		return nil
	}
	nodes, _, err := list[corev1.Node](ctx, r, kubernetes.ReadRequest{Kind: core("Node"), Most: maxNodes})
	r.set(func(f *findings.Facts) { f.Nodes = nodes })
	return err
}

func anyUnscheduled(pods []corev1.Pod) bool {
	for i := range pods {
		if pods[i].Spec.NodeName == "" && pods[i].Status.Phase == corev1.PodPending {
			return true
		}
	}
	return false
}

func waitsForBalancer(s *corev1.Service) bool {
	return s != nil && s.Spec.Type == corev1.ServiceTypeLoadBalancer && len(s.Status.LoadBalancer.Ingress) == 0
}

func (r *reader) readSlices(ctx context.Context) error {
	found, _, err := list[discoveryv1.EndpointSlice](ctx, r, kubernetes.ReadRequest{
		Kind:      schema.GroupVersionKind{Group: "discovery.k8s.io", Version: "v1", Kind: "EndpointSlice"},
		Namespace: r.facts.Object.Namespace, Labels: discoveryv1.LabelServiceName + "=" + r.facts.Object.Name, Most: maxList,
	})
	r.set(func(f *findings.Facts) { f.Slices = found })
	return err
}

// readBalancer looks for MetalLB where a Service waits for an address.
func (r *reader) readBalancer(ctx context.Context) error {
	if !r.wide || !waitsForBalancer(r.facts.Service) {
		return nil
	}
	b, err := balancerOf(ctx, r.cluster)
	r.set(func(f *findings.Facts) { f.Balancer = b })
	return err
}

func (r *reader) readIngressClasses(ctx context.Context) error {
	classes, _, err := list[networkingv1.IngressClass](ctx, r, kubernetes.ReadRequest{
		Kind: schema.GroupVersionKind{Group: "networking.k8s.io", Version: "v1", Kind: "IngressClass"}, Most: maxList,
	})
	r.set(func(f *findings.Facts) { f.IngressClasses = classes })
	return err
}

func (r *reader) readStorageClasses(ctx context.Context) error {
	classes, _, err := list[storagev1.StorageClass](ctx, r, kubernetes.ReadRequest{
		Kind: schema.GroupVersionKind{Group: "storage.k8s.io", Version: "v1", Kind: "StorageClass"}, Most: maxList,
	})
	r.set(func(f *findings.Facts) { f.StorageClasses = classes })
	return err
}

func (r *reader) readBackends(ctx context.Context) error {
	found := map[string]*corev1.Service{}
	for _, b := range findings.Backends(r.facts.Ingress) {
		if _, known := found[b.Name]; known || len(found) == maxBackends {
			continue
		}
		services, _, err := list[corev1.Service](ctx, r, kubernetes.ReadRequest{Kind: core("Service"), Namespace: r.facts.Object.Namespace, Name: b.Name})
		if err != nil && kubernetes.ReasonOf(err) != kubernetes.NotFound {
			return err
		}
		found[b.Name] = nil
		if err == nil {
			found[b.Name] = &services[0]
		}
	}
	r.set(func(f *findings.Facts) { f.Backends = found })
	return nil
}

// readSecrets asks whether the Secrets with certificates exist. Their values stay in
// the cluster.
func (r *reader) readSecrets(ctx context.Context) error {
	found := map[string]bool{}
	for _, tls := range r.facts.Ingress.Spec.TLS {
		if tls.SecretName == "" || len(found) == maxBackends {
			continue
		}
		there, err := r.cluster.Has(ctx, core("Secret"), r.facts.Object.Namespace, tls.SecretName)
		if err != nil {
			return err
		}
		found[tls.SecretName] = there
	}
	r.set(func(f *findings.Facts) { f.Secrets = found })
	return nil
}

func (r *reader) readMetricsAPI(ctx context.Context) error {
	served, err := r.cluster.Serves(ctx, schema.GroupVersion{Group: "metrics.k8s.io", Version: "v1beta1"})
	if err == nil {
		r.set(func(f *findings.Facts) { f.MetricsAPI = &served })
	}
	return err
}
