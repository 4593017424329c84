package workflow

import (
	"container/list"
	"sync"

	"github.com/kubeorch/core/models"
)

// documentCache holds encoded workflows up to a number of bytes and forgets
// the least recently used first. It is safe for concurrent use.
type documentCache struct {
	mu    sync.Mutex
	limit int
	size  int
	byID  map[string]*list.Element
	order *list.List // of cachedDocument, most recently used in front
}

type cachedDocument struct {
	id  string
	seq int64
	models.WorkflowDocument
}

func newDocumentCache(limit int) *documentCache {
	return &documentCache{limit: limit, byID: map[string]*list.Element{}, order: list.New()}
}

// get returns the document of id as it was at seq.
func (c *documentCache) get(id string, seq int64) (models.WorkflowDocument, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byID[id]
	if !ok {
		return models.WorkflowDocument{}, false
	}
	d := e.Value.(cachedDocument)
	if d.seq != seq {
		return models.WorkflowDocument{}, false
	}
	c.order.MoveToFront(e)
	return d.WorkflowDocument, true
}

// put keeps doc, unless a newer one is there or doc alone would fill a good
// part of the cache.
func (c *documentCache) put(id string, seq int64, doc models.WorkflowDocument) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byID[id]; ok {
		if e.Value.(cachedDocument).seq > seq {
			return
		}
		c.remove(e)
	}
	if len(doc.Body) > c.limit/4 {
		return
	}
	c.byID[id] = c.order.PushFront(cachedDocument{id, seq, doc})
	c.size += len(doc.Body)
	for c.size > c.limit {
		c.remove(c.order.Back())
	}
}

// remove forgets e. c.mu must be held.
func (c *documentCache) remove(e *list.Element) {
	d := c.order.Remove(e).(cachedDocument)
	delete(c.byID, d.id)
	c.size -= len(d.Body)
}
