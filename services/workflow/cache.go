package workflow

import (
	"sync"

	"k8s.io/utils/lru"

	"github.com/kubeorch/core/models"
)

// documentCache holds encoded workflows up to a number of bytes, and drops the
// least recently used ones. It is safe for concurrent use.
type documentCache struct {
	limit     int
	documents *lru.Cache // of cachedDocument, by the workflow's id

	mu   sync.Mutex // held by put
	size int        // bytes of all documents
}

type cachedDocument struct {
	seq int64
	models.WorkflowDocument
}

func newDocumentCache(limit int) *documentCache {
	c := &documentCache{limit: limit}
	c.documents = lru.NewWithEvictionFunc(0, func(_ lru.Key, dropped any) {
		c.size -= len(dropped.(cachedDocument).Body)
	})
	return c
}

// get returns the document of id as it was at seq.
func (c *documentCache) get(id string, seq int64) (models.WorkflowDocument, bool) {
	value, _ := c.documents.Get(id)
	d, ok := value.(cachedDocument)
	return d.WorkflowDocument, ok && d.seq == seq
}

// put stores doc, unless it would fill a quarter of the cache.
func (c *documentCache) put(id string, seq int64, doc models.WorkflowDocument) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.documents.Remove(id)
	if len(doc.Body) > c.limit/4 {
		return
	}
	c.documents.Add(id, cachedDocument{seq, doc})
	c.size += len(doc.Body)
	for c.size > c.limit {
		c.documents.RemoveOldest()
	}
}
