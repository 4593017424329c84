package applier

import (
	"context"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	surveyMin = 4           // objects of a kind and namespace that are worth a list
	surveyAge = time.Second // after which an object is looked at by itself
)

// survey looks at many objects of a wave with one list for each kind and
// namespace. It only saves requests: what it does not know, or knew too long
// ago, is looked at singly, so that the time in which somebody else may create
// an object unseen stays short.
type survey map[place]*look

type place struct {
	schema.GroupVersionKind
	namespace string
}

// look is the list of one place, made when first needed.
type look struct {
	limit int64 // a place with more objects is not worth it
	once  sync.Once
	at    time.Time
	found map[string]*metav1.PartialObjectMetadata // nil when the list is of no use
}

func newSurvey(reqs []Request) survey {
	count := make(map[place]int, len(reqs))
	for _, r := range reqs {
		count[placeOf(RefOf(r.Object))]++
	}
	s := make(survey)
	for p, n := range count {
		if n >= surveyMin {
			s[p] = &look{limit: int64(2*n + 50)}
		}
	}
	return s
}

func placeOf(r Ref) place { return place{r.GroupVersionKind, r.Namespace} }

// of returns the object as the survey saw it, nil when it was not there. known
// is false when the survey cannot tell.
func (l *look) of(ctx context.Context, t *target) (old *metav1.PartialObjectMetadata, known bool) {
	if l == nil {
		return nil, false
	}
	l.once.Do(func() { l.make(ctx, t) })
	if l.found == nil || time.Since(l.at) > surveyAge {
		return nil, false
	}
	return l.found[t.ref.Name], true
}

// make reads one page and leaves it at that when there is more.
func (l *look) make(ctx context.Context, t *target) {
	l.at = time.Now()
	page, err := t.client.List(ctx, metav1.ListOptions{Limit: l.limit})
	if err != nil || page.Continue != "" {
		return
	}
	l.found = make(map[string]*metav1.PartialObjectMetadata, len(page.Items))
	for i := range page.Items {
		l.found[page.Items[i].Name] = &page.Items[i]
	}
}
