package main

import (
	"cmp"
	"net/http"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	corelisters "k8s.io/client-go/listers/core/v1"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

// meter reads the usage of pods and nodes.
type meter struct {
	pods   corelisters.PodLister
	nodes  corelisters.NodeLister
	synced func() bool
}

// newMeter reads from informers of factory, which must not run yet.
func newMeter(factory informers.SharedInformerFactory) (*meter, error) {
	pods, nodes := factory.Core().V1().Pods(), factory.Core().V1().Nodes()
	if err := pods.Informer().SetTransform(slimPod); err != nil {
		return nil, err
	}
	podsSynced, nodesSynced := pods.Informer().HasSynced, nodes.Informer().HasSynced
	return &meter{
		pods:   pods.Lister(),
		nodes:  nodes.Lister(),
		synced: func() bool { return podsSynced() && nodesSynced() },
	}, nil
}

func (m *meter) listPods(r *http.Request) (any, error) {
	selector, err := m.selector(r)
	if err != nil {
		return nil, err
	}
	pods, err := m.pods.Pods(r.PathValue("namespace")).List(selector)
	if err != nil {
		return nil, err
	}
	list := metricsv1beta1.PodMetricsList{TypeMeta: metricsType("PodMetricsList"), Items: []metricsv1beta1.PodMetrics{}}
	for _, pod := range pods {
		if metrics, ok := podMetrics(pod); ok {
			list.Items = append(list.Items, metrics)
		}
	}
	slices.SortFunc(list.Items, func(a, b metricsv1beta1.PodMetrics) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return list, nil
}

func (m *meter) getPod(r *http.Request) (any, error) {
	if !m.synced() {
		return nil, notSynced()
	}
	name := r.PathValue("name")
	pod, err := m.pods.Pods(r.PathValue("namespace")).Get(name)
	if err == nil {
		if metrics, ok := podMetrics(pod); ok {
			return metrics, nil
		}
	}
	return nil, apierrors.NewNotFound(metricsv1beta1.Resource("pods"), name)
}

func (m *meter) listNodes(r *http.Request) (any, error) {
	selector, err := m.selector(r)
	if err != nil {
		return nil, err
	}
	nodes, err := m.nodes.List(selector)
	if err != nil {
		return nil, err
	}
	used, err := m.byNode()
	if err != nil {
		return nil, err
	}
	list := metricsv1beta1.NodeMetricsList{TypeMeta: metricsType("NodeMetricsList"), Items: []metricsv1beta1.NodeMetrics{}}
	for _, node := range nodes {
		list.Items = append(list.Items, nodeMetrics(node, used[node.Name]))
	}
	slices.SortFunc(list.Items, func(a, b metricsv1beta1.NodeMetrics) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

func (m *meter) getNode(r *http.Request) (any, error) {
	if !m.synced() {
		return nil, notSynced()
	}
	name := r.PathValue("name")
	node, err := m.nodes.Get(name)
	if err != nil {
		return nil, apierrors.NewNotFound(metricsv1beta1.Resource("nodes"), name)
	}
	used, err := m.byNode()
	if err != nil {
		return nil, err
	}
	return nodeMetrics(node, used[name]), nil
}

// selector returns the selector of a request for a list.
func (m *meter) selector(r *http.Request) (labels.Selector, error) {
	if !m.synced() {
		return nil, notSynced()
	}
	query := r.URL.Query()
	if watch := query.Get("watch"); watch == "true" || watch == "1" {
		return nil, apierrors.NewMethodNotSupported(metricsv1beta1.Resource("metrics"), "watch")
	}
	if query.Get("fieldSelector") != "" {
		return nil, apierrors.NewBadRequest("metrics cannot be selected by field")
	}
	selector, err := labels.Parse(query.Get("labelSelector"))
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	return selector, nil
}

func notSynced() error {
	return apierrors.NewServiceUnavailable("the pods and nodes have not been read yet")
}

// byNode sums up the usage of the pods of each node.
func (m *meter) byNode() (map[string]corev1.ResourceList, error) {
	pods, err := m.pods.List(labels.Everything())
	if err != nil {
		return nil, err
	}
	used := make(map[string]corev1.ResourceList)
	for _, pod := range pods {
		metrics, ok := podMetrics(pod)
		if !ok {
			continue
		}
		sum := used[pod.Spec.NodeName]
		if sum == nil {
			sum = make(corev1.ResourceList)
			used[pod.Spec.NodeName] = sum
		}
		for _, container := range metrics.Containers {
			for name, quantity := range container.Usage {
				total := sum[name]
				total.Add(quantity)
				sum[name] = total
			}
		}
	}
	return used, nil
}
