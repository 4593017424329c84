package main

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

// balancerAnnotation on a Service asks for an address; without it the
// service stays pending, as in a cluster that has no load balancers.
const balancerAnnotation = "devcluster.kubeorch.io/load-balancer"

// loadBalancers assign addresses of the documentation range 192.0.2.0/24, which are
// not reachable.
type loadBalancers struct {
	client   kubernetes.Interface
	services corelisters.ServiceLister
}

func (b *loadBalancers) service(ctx context.Context, key string) error {
	namespace, name, err := cache.SplitMetaNamespaceKey(key)
	if err != nil {
		return err
	}
	service, err := b.services.Services(namespace).Get(name)
	if err != nil {
		return err
	}
	if service.Spec.Type != corev1.ServiceTypeLoadBalancer ||
		service.Annotations[balancerAnnotation] != "true" ||
		len(service.Status.LoadBalancer.Ingress) > 0 {
		return nil
	}
	address, err := b.freeAddress()
	if err != nil {
		return err
	}
	balanced := service.DeepCopy()
	balanced.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: address}}
	_, err = b.client.CoreV1().Services(namespace).UpdateStatus(ctx, balanced, metav1.UpdateOptions{})
	return err
}

// freeAddress returns an unused address. 192.0.2.1 is for ingresses.
func (b *loadBalancers) freeAddress() (string, error) {
	services, err := b.services.List(labels.Everything())
	if err != nil {
		return "", err
	}
	used := map[string]bool{ingressAddress: true}
	for _, s := range services {
		for _, in := range s.Status.LoadBalancer.Ingress {
			used[in.IP] = true
		}
	}
	for i := 1; i < 255; i++ {
		if address := fmt.Sprintf("192.0.2.%d", i); !used[address] {
			return address, nil
		}
	}
	return "", errors.New("all addresses of 192.0.2.0/24 are taken")
}
