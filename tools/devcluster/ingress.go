package main

import (
	"context"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	networkinglisters "k8s.io/client-go/listers/networking/v1"
	"k8s.io/client-go/tools/cache"
)

const (
	// ingressAnnotation on an Ingress asks for an address; without it the
	// ingress has none, as in a cluster that has no ingress controller.
	ingressAnnotation = "devcluster.kubeorch.io/ingress"
	ingressAddress    = "192.0.2.1"
)

// ingressAddresses plays the ingress controller, as far as addresses go.
type ingressAddresses struct {
	client    kubernetes.Interface
	ingresses networkinglisters.IngressLister
}

func (a *ingressAddresses) ingress(ctx context.Context, key string) error {
	namespace, name, err := cache.SplitMetaNamespaceKey(key)
	if err != nil {
		return err
	}
	ingress, err := a.ingresses.Ingresses(namespace).Get(name)
	if err != nil {
		return err
	}
	if ingress.Annotations[ingressAnnotation] != "true" || len(ingress.Status.LoadBalancer.Ingress) > 0 {
		return nil
	}
	reachable := ingress.DeepCopy()
	reachable.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{IP: ingressAddress}}
	_, err = a.client.NetworkingV1().Ingresses(namespace).UpdateStatus(ctx, reachable, metav1.UpdateOptions{})
	return err
}
