package watch

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// listWatch reads the informer's objects, whole or their metadata only.
func (i *Informer[T]) listWatch(conn Connection) *cache.ListWatch {
	list := func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
		return conn.Dynamic().Resource(i.query.Resource).List(ctx, o)
	}
	start := func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
		return conn.Dynamic().Resource(i.query.Resource).Watch(ctx, o)
	}
	if i.query.Metadata {
		list = func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return conn.Metadata().Resource(i.query.Resource).List(ctx, o)
		}
		start = func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return conn.Metadata().Resource(i.query.Resource).Watch(ctx, o)
		}
	}
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.LabelSelector, o.FieldSelector = i.query.Selector, i.query.Fields
			objects, err := list(ctx, o)
			if err == nil {
				err = i.paged.addPage(o.Continue, objects)
			}
			i.observe(ctx, err)
			if err != nil {
				return nil, err
			}
			return objects, nil
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.LabelSelector, o.FieldSelector = i.query.Selector, i.query.Fields
			changes, err := start(ctx, o)
			i.observe(ctx, err)
			// After a watch that was to send the list, the reflector reads a
			// plain list, which fails as well and is tried again by Run.
			if err != nil && o.SendInitialEvents != nil && !expired(err) {
				return nil, errWatchFailed
			}
			return changes, err
		},
	}
}

// observe takes the outcome of a request into account. Resource versions that are
// too old, and clusters that cannot send a list by watch, are no failures.
func (i *Informer[T]) observe(ctx context.Context, err error) {
	switch {
	case err == nil:
		i.succeeded()
	case ctx.Err() == nil && !expired(err) && !apierrors.IsInvalid(err):
		i.report(err)
	}
}

func expired(err error) bool {
	return apierrors.IsResourceExpired(err) || apierrors.IsGone(err) ||
		apierrors.HasStatusCause(err, metav1.CauseTypeResourceVersionTooLarge)
}
