package watch

import (
	"fmt"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
)

// maxObjects is how many objects of one kind an informer reads. A longer or
// endless list would fill the memory.
const maxObjects = 50_000

// objectCount limits the objects of one list to maxObjects. It is safe for
// concurrent use.
type objectCount struct{ n atomic.Int64 }

// add fails when n more objects exceed the limit.
func (c *objectCount) add(n int) error {
	if c.n.Add(int64(n)) > maxObjects {
		return fmt.Errorf("watch: the cluster has more than %d of these objects", maxObjects)
	}
	return nil
}

// addPage adds the objects of one page. Without a continue token, the page is the
// first one of a list.
func (c *objectCount) addPage(continueToken string, objects runtime.Object) error {
	if continueToken == "" {
		c.n.Store(0)
	}
	return c.add(meta.LenList(objects))
}
