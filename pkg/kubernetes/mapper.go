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

// minReload is the least time between two loads because of an unknown kind.
const minReload = 5 * time.Second

// mapper maps the kinds of a cluster to resources. It reads them when they are
// first needed, and again for an unknown kind, since its operator may just have
// been installed. It is safe for concurrent use.
type mapper struct {
	client discovery.DiscoveryInterfaceWithContext

	loading  chan struct{} // a lock; waiting for it ends with a context
	mu       sync.RWMutex
	current  meta.RESTMapper
	found    *sync.Map // of current: answers by kind, which it takes a while to find
	loadedAt time.Time
}

// mappingKey is a question to a mapper.
type mappingKey struct {
	schema.GroupKind

	version string // "" for the one that the cluster prefers
}

func newMapper(c discovery.DiscoveryInterfaceWithContext) *mapper {
	return &mapper{client: c, loading: make(chan struct{}, 1)}
}

// mapping returns the resource of a kind, in the version that the cluster prefers
// unless versions are given.
func (m *mapper) mapping(ctx context.Context, gk schema.GroupKind, versions ...string) (*meta.RESTMapping, error) {
	key := mappingKey{GroupKind: gk}
	if len(versions) > 0 {
		key.version = versions[0]
	}
	m.mu.RLock()
	known := m.found
	m.mu.RUnlock()
	if known != nil {
		if found, ok := known.Load(key); ok {
			return found.(*meta.RESTMapping), nil
		}
	}
	current, at := m.loaded()
	if current != nil {
		found, err := current.RESTMapping(gk, versions...)
		if err == nil && len(versions) <= 1 && known != nil {
			known.Store(key, found)
		}
		if err == nil || !meta.IsNoMatchError(err) || time.Since(at) < minReload {
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

// rest returns the RESTMapper, which it loads when needed.
func (m *mapper) rest(ctx context.Context) (meta.RESTMapper, error) {
	if current, _ := m.loaded(); current != nil {
		return current, nil
	}
	return m.load(ctx, time.Time{})
}

func (m *mapper) loaded() (meta.RESTMapper, time.Time) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.current, m.loadedAt
}

// load reads the kinds, unless another caller has done so after seen.
func (m *mapper) load(ctx context.Context, seen time.Time) (meta.RESTMapper, error) {
	select {
	case m.loading <- struct{}{}:
		defer func() { <-m.loading }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if current, at := m.loaded(); current != nil && at.After(seen) {
		return current, nil
	}
	// Groups whose API server is down are left out.
	groups, err := restmapper.GetAPIGroupResourcesWithContext(ctx, m.client)
	if err != nil {
		return nil, err
	}
	fresh := restmapper.NewDiscoveryRESTMapper(groups)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.current, m.found, m.loadedAt = fresh, &sync.Map{}, time.Now()
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
