package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

// controllers do the work of a cloud provider: volumes for claims, addresses for
// load balancers and ingresses.
type controllers struct {
	stop context.CancelFunc
	done sync.WaitGroup
	log  *slog.Logger
}

// reconcile brings the object with this key ("namespace/name") one step
// further. It is called again when it fails, or when the object changes.
type reconcile func(ctx context.Context, key string) error

// startControllers returns at once; call close to end them.
// They start factory, and end it too.
func startControllers(ctx context.Context, client kubernetes.Interface, factory informers.SharedInformerFactory, log *slog.Logger) (*controllers, error) {
	ctx, cancel := context.WithCancel(ctx)
	c := &controllers{stop: cancel, log: log}
	claims := factory.Core().V1().PersistentVolumeClaims()
	volumes := factory.Core().V1().PersistentVolumes()
	services := factory.Core().V1().Services()
	ingresses := factory.Networking().V1().Ingresses()

	storage := &provisioner{client: client, claims: claims.Lister(), volumes: volumes.Lister()}
	balancers := &loadBalancers{client: client, services: services.Lister()}
	entries := &ingressAddresses{client: client, ingresses: ingresses.Lister()}
	err := errors.Join(
		c.control(ctx, "claims", claims.Informer(), storage.claim),
		c.control(ctx, "volumes", volumes.Informer(), storage.volume),
		c.control(ctx, "load balancers", services.Informer(), balancers.service),
		c.control(ctx, "ingresses", ingresses.Informer(), entries.ingress),
	)
	if err != nil {
		c.close()
		return nil, err
	}
	factory.Start(ctx.Done())
	c.done.Go(func() { <-ctx.Done(); factory.Shutdown() })
	return c, nil
}

func (c *controllers) close() {
	c.stop()
	c.done.Wait()
}

// control calls f for each object of the informer, one at a time.
func (c *controllers) control(ctx context.Context, name string, informer cache.SharedIndexInformer, f reconcile) error {
	queue := workqueue.NewTypedRateLimitingQueue(
		workqueue.NewTypedItemExponentialFailureRateLimiter[string](20*time.Millisecond, 10*time.Second))
	enqueue := func(obj any) {
		if key, err := cache.MetaNamespaceKeyFunc(obj); err == nil {
			queue.Add(key)
		}
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    enqueue,
		UpdateFunc: func(_, obj any) { enqueue(obj) },
	})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	c.done.Go(func() { <-ctx.Done(); queue.ShutDown() })
	c.done.Go(func() {
		if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
			return
		}
		for c.next(ctx, name, queue, f) {
		}
	})
	return nil
}

// next handles one key and returns false when there will be no more.
func (c *controllers) next(ctx context.Context, name string, queue workqueue.TypedRateLimitingInterface[string], f reconcile) bool {
	key, closed := queue.Get()
	if closed {
		return false
	}
	defer queue.Done(key)
	err := f(ctx, key)
	switch {
	case err == nil, apierrors.IsNotFound(err):
		queue.Forget(key)
	case ctx.Err() != nil:
	default:
		// Conflicts are common, and the next try reads the new version.
		if !apierrors.IsConflict(err) {
			c.log.Warn("will try again", "controller", name, "object", key, "err", err)
		}
		queue.AddRateLimited(key)
	}
	return true
}
