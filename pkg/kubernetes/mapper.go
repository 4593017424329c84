package kubernetes

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/restmapper"
)

// refreshPause bounds how often an unknown kind makes us ask again.
const refreshPause = 5 * time.Second

// mapper knows the kinds of a cluster. They are read when first needed and
// again when a kind is unknown, since an operator may just have been
// installed. It is safe for concurrent use.
type mapper struct {
	client discovery.DiscoveryInterfaceWithContext

	loading chan struct{} // a lock that a context can give up on
	mu      sync.RWMutex
	current meta.RESTMapper
	at      time.Time
}

func newMapper(c discovery.DiscoveryInterfaceWithContext) *mapper {
	return &mapper{client: c, loading: make(chan struct{}, 1)}
}

// mapping finds the resource of a kind. Without versions the cluster's
// preferred one is taken.
func (m *mapper) mapping(ctx context.Context, gk schema.GroupKind, versions ...string) (*meta.RESTMapping, error) {
	current, at := m.known()
	if current != nil {
		found, err := current.RESTMapping(gk, versions...)
		if err == nil || !meta.IsNoMatchError(err) || time.Since(at) < refreshPause {
			return found, unknown(gk, versions, err)
		}
	}
	current, err := m.load(ctx, at)
	if err != nil {
		return nil, err
	}
	found, err := current.RESTMapping(gk, versions...)
	return found, unknown(gk, versions, err)
}

// rest returns the mapper itself, loading it when needed.
func (m *mapper) rest(ctx context.Context) (meta.RESTMapper, error) {
	if current, _ := m.known(); current != nil {
		return current, nil
	}
	return m.load(ctx, time.Time{})
}

func (m *mapper) known() (meta.RESTMapper, time.Time) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.current, m.at
}

// load reads the kinds unless somebody did so since the caller looked.
func (m *mapper) load(ctx context.Context, seen time.Time) (meta.RESTMapper, error) {
	select {
	case m.loading <- struct{}{}:
		defer func() { <-m.loading }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if current, at := m.known(); current != nil && at.After(seen) {
		return current, nil
	}
	// A group whose server is down is left out rather than failing all.
	groups, err := restmapper.GetAPIGroupResourcesWithContext(ctx, m.client)
	if err != nil {
		return nil, err
	}
	fresh := restmapper.NewDiscoveryRESTMapper(groups)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.current, m.at = fresh, time.Now()
	return fresh, nil
}

func unknown(gk schema.GroupKind, versions []string, err error) error {
	if err == nil || !meta.IsNoMatchError(err) {
		return err
	}
	what := gk.Kind
	if gk.Group != "" {
		what += " (" + gk.Group + ")"
	}
	if len(versions) > 0 {
		what = fmt.Sprintf("%s in version %s", what, versions[0])
	}
	return &Error{Reason: UnknownKind, Message: "the cluster has no " + what + "; is the operator that provides it installed?", Err: err}
}
