package watch

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// source reads the informer's objects, either whole or their metadata.
func (i *Informer[T]) source(conn Connection) *cache.ListWatch {
	list := func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
		return conn.Dynamic().Resource(i.query.Resource).List(ctx, o)
	}
	begin := func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
		return conn.Dynamic().Resource(i.query.Resource).Watch(ctx, o)
	}
	if i.query.Metadata {
		list = func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return conn.Metadata().Resource(i.query.Resource).List(ctx, o)
		}
		begin = func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return conn.Metadata().Resource(i.query.Resource).Watch(ctx, o)
		}
	}
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.LabelSelector = i.query.Selector
			objects, err := list(ctx, o)
			if err == nil {
				err = i.pages.page(o.Continue, objects)
			}
			i.note(ctx, err)
			if err != nil {
				return nil, err
			}
			return objects, nil
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.LabelSelector = i.query.Selector
			changes, err := begin(ctx, o)
			i.note(ctx, err)
			// A list by watch that fails is followed by a plain list, which
			// fails too and is tried again by Run.
			if err != nil && o.SendInitialEvents != nil && !expired(err) {
				return nil, errHidden
			}
			return changes, err
		},
	}
}

// note reports the outcome of a request. That a resource version is too old,
// or that the cluster knows no list by watch, is nothing to worry about.
func (i *Informer[T]) note(ctx context.Context, err error) {
	switch {
	case err == nil:
		i.works()
	case ctx.Err() == nil && !expired(err) && !apierrors.IsInvalid(err):
		i.report(err)
	}
}

func expired(err error) bool {
	return apierrors.IsResourceExpired(err) || apierrors.IsGone(err) ||
		apierrors.HasStatusCause(err, metav1.CauseTypeResourceVersionTooLarge)
}
