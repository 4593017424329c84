package main

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// runInformers is the peer of measureWatch: one plain informer for each of the
// five kinds and for pods, with the server's label.
func runInformers(ctx context.Context, args []string) error {
	cfg, err := restConfig(args[0])
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return err
	}
	f := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTweakListOptions(func(o *metav1.ListOptions) {
		o.LabelSelector = "managed-by=kubeorch"
	}))
	set := []cache.SharedIndexInformer{
		f.Apps().V1().Deployments().Informer(), f.Core().V1().Services().Informer(), f.Core().V1().ConfigMaps().Informer(),
		f.Batch().V1().CronJobs().Informer(), f.Networking().V1().NetworkPolicies().Informer(), f.Core().V1().Pods().Informer(),
	}
	f.Start(ctx.Done())
	for _, i := range set {
		if !cache.WaitForCacheSync(ctx.Done(), i.HasSynced) {
			return errors.New("the informers did not sync")
		}
	}
	fmt.Println("url synced")
	<-ctx.Done()
	f.Shutdown()
	return nil
}
