package resource

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/watch"
	"github.com/kubeorch/core/services/inventory"
)

// kindSync keeps the records of one kind of a cluster.
type kindSync struct {
	cluster  *clusterSync
	conn     watchedCluster
	kind     inventory.Kind
	informer *watch.Informer[*extract]
	cancel   context.CancelFunc
	done     chan struct{} // closed when the informer has ended
	listed   chan struct{} // closed when the objects have been read, or could not be

	// Of the goroutine of the cluster alone.
	compared bool              // stored is known
	stored   map[string]string // hash by id, of live objects
	lost     bool              // something is not stored whose state is not known any more

	mu        sync.Mutex
	dirty     map[string]struct{} // keys of objects that may differ from what is stored
	recompare bool
	hasListed bool
}

// extract is what is kept of an object in memory: a hash of its state and, until that
// is stored, the state as JSON, which takes a fraction of the memory of maps.
type extract struct {
	hash  string
	state []byte // of the goroutine of the cluster, once the informer has the extract
}

func newKindSync(c *clusterSync, conn watchedCluster, kind inventory.Kind) *kindSync {
	k := &kindSync{
		cluster: c, conn: conn, kind: kind, done: make(chan struct{}), listed: make(chan struct{}), dirty: map[string]struct{}{},
	}
	query := watch.Query{Resource: kind.GroupVersionResource, Fields: kind.Fields, Metadata: kind.Metadata}
	k.informer = watch.New(conn, query, watch.Options[*extract]{
		Extract: k.extract, Changed: k.changed, Synced: k.synced, Failed: k.cannotRead,
	})
	return k
}

func (k *kindSync) groupKind() schema.GroupKind {
	return schema.GroupKind{Group: k.kind.Group, Kind: k.kind.Kind}
}

func (k *kindSync) start(ctx context.Context) {
	ctx, k.cancel = context.WithCancel(ctx)
	go func() { // end waits for done
		defer close(k.done)
		_ = k.informer.Run(ctx)
	}()
}

// end ends the watch.
func (k *kindSync) end() {
	k.cancel()
	<-k.done
}

// awaitList waits until the objects have been read or could not be, but not longer than
// most.
func (k *kindSync) awaitList(ctx context.Context, most time.Duration) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-k.listed:
	}
}

func (k *kindSync) extract(o metav1.Object) (group string, kept *extract) {
	if !nameable(o.GetNamespace()) || !nameable(o.GetName()) {
		return "", nil // no API server accepts it
	}
	state := k.kind.Extract(o)
	body, err := json.Marshal(state)
	if err != nil {
		k.cluster.log.Warn("an object cannot be kept", "kind", k.kind.Kind, "name", o.GetName(), "err", err)
		return "", nil
	}
	return o.GetNamespace() + "/" + o.GetName(), &extract{inventory.Hash(state), body}
}

// nameable reports whether a part of an object's name is one that API servers accept,
// of whatever kind: none has a slash or more than 253 characters.
func nameable(part string) bool {
	const longest = 253
	return len(part) <= longest && utf8.ValidString(part) && !strings.ContainsFunc(part, func(r rune) bool {
		return r == '/' || unicode.IsControl(r)
	})
}

// changed notes that an object was added, changed or removed. The informer calls it.
func (k *kindSync) changed(key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.dirty[key] = struct{}{}
}

func (k *kindSync) synced() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.recompare = true
	k.closeListed()
}

func (k *kindSync) cannotRead(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closeListed()
	k.cluster.log.Info("a kind cannot be read for the inventory; its records stay as they are",
		"kind", k.kind.GroupResource().String(), "err", err)
}

// closeListed needs k.mu.
func (k *kindSync) closeListed() {
	if !k.hasListed {
		k.hasListed = true
		close(k.listed)
	}
}

// relisted has all objects compared with the store again.
func (k *kindSync) relisted() {
	if k.informer.Synced() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.recompare = true
	}
}

// compare reads what is stored of the kind, if that is due. It returns the ids of
// records whose objects are gone.
func (k *kindSync) compare(ctx context.Context) (gone []string, err error) {
	k.mu.Lock()
	due := k.recompare
	k.recompare = false
	k.mu.Unlock()
	if !due {
		return nil, nil
	}
	hashes, err := k.cluster.deps.Store.Hashes(ctx, k.cluster.id, k.kind.Group, k.kind.Kind)
	if err != nil {
		k.mu.Lock()
		k.recompare = true
		k.mu.Unlock()
		return nil, err
	}
	stored := make(map[string]string, len(hashes))
	for _, h := range hashes {
		stored[h.ID] = h.Hash
	}
	k.cluster.kept += len(stored) - len(k.stored)
	k.stored, k.compared = stored, true
	missing := maps.Clone(stored)
	groups := k.informer.Groups()
	k.mu.Lock()
	for _, key := range groups {
		k.dirty[key] = struct{}{}
	}
	k.mu.Unlock()
	for _, key := range groups {
		delete(missing, k.ref(key).ID())
	}
	return slices.Collect(maps.Keys(missing)), nil
}

// takeDirty returns the keys that were noted since the last call.
func (k *kindSync) takeDirty() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.dirty) == 0 {
		return nil
	}
	keys := slices.Collect(maps.Keys(k.dirty))
	k.dirty = map[string]struct{}{}
	return keys
}

func (k *kindSync) ref(key string) models.ResourceRef {
	namespace, name, _ := strings.Cut(key, "/")
	return models.ResourceRef{
		ClusterID: k.cluster.id, Group: k.kind.Group, Kind: k.kind.Kind, Namespace: namespace, Name: name,
	}
}
