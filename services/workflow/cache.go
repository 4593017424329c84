package workflow

import (
	"github.com/maypok86/otter/v2"

	"github.com/kubeorch/core/models"
)

// documentCache holds encoded workflows up to a number of bytes. It is safe for
// concurrent use.
type documentCache struct {
	limit int
	byID  *otter.Cache[string, cachedDocument]
}

type cachedDocument struct {
	seq int64
	models.WorkflowDocument
}

func newDocumentCache(limit int) documentCache {
	return documentCache{limit, otter.Must(&otter.Options[string, cachedDocument]{
		MaximumWeight: uint64(limit),
		Weigher:       func(_ string, d cachedDocument) uint32 { return uint32(len(d.Body)) },
		Executor:      func(evict func()) { evict() }, // no goroutines that outlive a call
	})}
}

// get returns the document of id as it was at seq.
func (c documentCache) get(id string, seq int64) (models.WorkflowDocument, bool) {
	d, ok := c.byID.GetIfPresent(id)
	return d.WorkflowDocument, ok && d.seq == seq
}

// put stores doc, unless a newer one is cached or doc is larger than a quarter of
// the cache.
func (c documentCache) put(id string, seq int64, doc models.WorkflowDocument) {
	if len(doc.Body) > c.limit/4 {
		c.byID.Invalidate(id)
		return
	}
	c.byID.Compute(id, func(cached cachedDocument, found bool) (cachedDocument, otter.ComputeOp) {
		if found && cached.seq > seq {
			return cached, otter.CancelOp
		}
		return cachedDocument{seq, doc}, otter.WriteOp
	})
}
