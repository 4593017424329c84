package resource

import (
	"context"
	"encoding/json"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/inventory"
)

const (
	// writeBatch is how many records one command changes.
	writeBatch = 500

	// writeTime bounds one command. It is less than the time by which a server stops
	// to hold its clusters before others take them.
	writeTime = 5 * time.Second
)

// change is an object that differs from what is stored of it.
type change struct {
	id  string
	ref models.ResourceRef
	of  *extract              // nil: the object is gone
	now *models.ResourceState // of the extract
}

// flush stores what has changed since the last call.
func (c *clusterSync) flush(ctx context.Context) error {
	for _, k := range c.kinds {
		if err := k.flush(ctx); err != nil {
			return err
		}
	}
	if c.deleted >= c.bounds.trim {
		if err := c.deps.Store.Trim(ctx, c.id, c.bounds.deleted); err != nil {
			return err
		}
		c.deleted = 0
	}
	return nil
}

func (k *kindSync) flush(ctx context.Context) error {
	gone, err := k.compare(ctx)
	if err != nil || !k.compared {
		return err
	}
	keys := k.takeDirty()
	for len(keys)+len(gone) > 0 {
		n, m := min(len(keys), writeBatch), min(len(gone), writeBatch)
		if err := k.store(ctx, k.changesOf(keys[:n], gone[:m])); err != nil {
			k.again(keys, len(gone) > 0)
			return err
		}
		keys, gone = keys[n:], gone[m:]
	}
	return nil
}

// again has keys stored later, and gone objects looked for again.
func (k *kindSync) again(keys []string, compare bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, key := range keys {
		k.dirty[key] = struct{}{}
	}
	k.recompare = k.recompare || compare
}

// changesOf returns those of the objects that differ from what is stored.
func (k *kindSync) changesOf(keys, gone []string) (list []change) {
	for _, id := range gone {
		list = append(list, change{id: id})
	}
	added := 0
	for _, key := range keys {
		ref := k.ref(key)
		ch := change{id: ref.ID(), ref: ref}
		hash, stored := k.stored[ch.id]
		if found := k.informer.Group(key); len(found) > 0 {
			ch.of = found[0]
		}
		switch {
		case ch.of == nil && !stored:
			continue
		case ch.of == nil:
		case stored && hash == ch.of.hash:
			k.setStored(ch)
			continue
		case ch.of.state == nil: // it was stored, and is not any more
			k.lost = true
			continue
		case !stored && k.cluster.kept+added >= k.cluster.bounds.live:
			k.cluster.warnOverfull()
			continue
		default:
			ch.now = &models.ResourceState{}
			if err := json.Unmarshal(ch.of.state, ch.now); err != nil {
				continue // Marshal made it
			}
			if !stored {
				added++
			}
		}
		list = append(list, ch)
	}
	return list
}

// store writes changes, with what they mean for the history, and publishes the new
// states of objects that somebody looks at.
func (k *kindSync) store(ctx context.Context, list []change) error {
	if len(list) == 0 {
		return nil
	}
	ids := make([]string, len(list))
	for i, ch := range list {
		ids[i] = ch.id
	}
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	found, err := k.cluster.deps.Store.ByIDs(ctx, ids)
	if err != nil {
		return err
	}
	before := make(map[string]models.Resource, len(found))
	for _, r := range found {
		before[r.ID] = r
	}
	at := models.StoredTime(time.Now())
	writes := make([]models.ResourceWrite, 0, len(list))
	for _, ch := range list {
		old, known := before[ch.id]
		if ch.now != nil || known && !old.Deleted {
			writes = append(writes, k.cluster.write(ch, old, known, at))
		}
	}
	if _, held := k.cluster.deps.Placement.Holds(k.cluster.id); !held {
		return &models.Error{Op: "resource.kindSync.store", Kind: models.Conflict, Msg: "another server watches the cluster"}
	}
	if err := k.cluster.deps.Store.Write(ctx, writes); err != nil {
		return err
	}
	k.noteStored(list)
	for _, w := range writes {
		now, old := w.Resource, before[w.Resource.ID]
		if (now.Status != old.Status || now.Message != old.Message) && k.cluster.wants.isWanted(now.ID) {
			k.cluster.publish(ctx, now)
		}
	}
	return nil
}

// write returns the new record of an object.
func (c *clusterSync) write(ch change, old models.Resource, known bool, at time.Time) models.ResourceWrite {
	r := old
	var was *models.ResourceState
	if known {
		was = old.Live()
	} else {
		r = models.Resource{ID: ch.id, ResourceRef: ch.ref, FirstSeenAt: at, System: inventory.IsSystem(ch.ref)}
	}
	r.ClusterName, r.LastSeenAt, r.Hash = c.name, at, ""
	if ch.now == nil {
		r.Status, r.Message, r.Deleted, r.DeletedAt = models.ResourceDeleted, "", true, &at
		return models.ResourceWrite{Resource: r, Changes: inventory.Diff(was, nil, at)}
	}
	r.ResourceState, r.Hash, r.Deleted, r.DeletedAt = *ch.now, ch.of.hash, false, nil
	var changes []models.ResourceChange
	if was != nil && was.UID != ch.now.UID { // another object of the same name
		changes = inventory.Diff(was, nil, at)
		was = nil
	}
	return models.ResourceWrite{Resource: r, Changes: append(changes, inventory.Diff(was, ch.now, at)...)}
}

// setStored notes that an object is stored as it is.
func (k *kindSync) setStored(ch change) {
	k.stored[ch.id] = ch.of.hash // the same text, so that it is in memory once
	ch.of.state = nil
}

// noteStored remembers what is stored.
func (k *kindSync) noteStored(list []change) {
	before := len(k.stored)
	for _, ch := range list {
		if ch.of == nil {
			delete(k.stored, ch.id)
			k.cluster.deleted++
		} else {
			k.setStored(ch)
		}
	}
	k.cluster.kept += len(k.stored) - before
}

func (c *clusterSync) warnOverfull() {
	if !c.overfull {
		c.overfull = true
		c.log.Warn("the cluster has more objects than its inventory keeps", "limit", c.bounds.live)
	}
}
