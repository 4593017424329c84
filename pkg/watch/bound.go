package watch

import (
	"fmt"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
)

// maxObjects is how many objects of one kind an informer reads. A server that
// lists more, perhaps without end, would fill the memory.
const maxObjects = 50_000

// bound counts the objects of one list. It is safe for concurrent use.
type bound struct{ seen atomic.Int64 }

// add fails when n objects are too many.
func (b *bound) add(n int) error {
	if b.seen.Add(int64(n)) > maxObjects {
		return fmt.Errorf("watch: the cluster has more than %d of these objects", maxObjects)
	}
	return nil
}

// page counts the objects of one page. A page that continues nothing begins
// the list.
func (b *bound) page(continues string, objects runtime.Object) error {
	if continues == "" {
		b.seen.Store(0)
	}
	return b.add(meta.LenList(objects))
}
