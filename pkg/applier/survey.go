package applier

import (
	"context"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Survey is the metadata of many objects, as a cluster held them at one moment. A nil
// Survey knows nothing. It is safe for concurrent use.
type Survey struct {
	at time.Time

	mu    sync.Mutex // while it is made
	found map[surveyKey]*metav1.PartialObjectMetadata
}

// surveyKey identifies an object, whatever version of its kind is used.
type surveyKey struct {
	schema.GroupKind

	namespace, name string
}

func surveyKeyOf(r Ref) surveyKey { return surveyKey{r.GroupKind(), r.Namespace, r.Name} }

// Survey reads the metadata of objects with few requests: one list for each kind and
// namespace with several of them. What ListOwned returned a moment ago is not read
// again. Of objects that cannot be read the survey knows nothing, which is no failure:
// the call that needs them tells why. It fails when the cluster cannot be asked at all.
func (a *Applier) Survey(ctx context.Context, refs []Ref, owned []metav1.PartialObjectMetadata) (*Survey, error) {
	s := &Survey{at: time.Now(), found: make(map[surveyKey]*metav1.PartialObjectMetadata, len(refs))}
	for i := range owned {
		o := &owned[i]
		s.found[surveyKey{o.GroupVersionKind().GroupKind(), o.Namespace, o.Name}] = o
	}
	var rest []*target
	count := make(map[listKey]int)
	for _, ref := range refs {
		t, err := a.locate(ctx, ref)
		if IsOutage(err) {
			return s, a.conn.Err(err)
		}
		if err != nil {
			continue
		}
		if _, known := s.find(t.ref); !known {
			rest = append(rest, t)
			count[listKeyOf(t.ref)]++
		}
	}
	lists := prefetchOf(count)
	all := make([]Ref, len(rest))
	for i, t := range rest {
		all[i] = t.ref
	}
	changes := a.forEach(ctx, all, func(i int) Change {
		t := rest[i]
		old, known := lists[listKeyOf(t.ref)].get(ctx, t)
		if !known {
			var err error
			if old, err = t.get(ctx); err != nil {
				return failed(t.ref, err)
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.found[surveyKeyOf(t.ref)] = old
		return Change{Ref: t.ref}
	}, nil)
	for _, c := range changes {
		if IsOutage(c.Err) {
			return s, a.conn.Err(c.Err)
		}
	}
	return s, nil
}

// find returns what the survey found of an object: nil when there was none. known is
// false when it cannot tell.
func (s *Survey) find(ref Ref) (old *metav1.PartialObjectMetadata, known bool) {
	if s == nil {
		return nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, known = s.found[surveyKeyOf(ref)]
	return old, known
}

// Find returns the metadata of an object, or nil if there is none or the survey cannot
// tell.
func (s *Survey) Find(ref Ref) *metav1.PartialObjectMetadata {
	old, _ := s.find(ref)
	return old
}

// fresh is find as long as the survey can stand for a look at the object.
func (s *Survey) fresh(ref Ref) (old *metav1.PartialObjectMetadata, known bool) {
	if s == nil || time.Since(s.at) > listMaxAge {
		return nil, false
	}
	return s.find(ref)
}

// CheckOwners returns for each request the refusal of an object that belongs to
// somebody else, or nil. It asks the surveys of the requests, and not the cluster.
func (a *Applier) CheckOwners(ctx context.Context, reqs []Request) []error {
	refusals := make([]error, len(reqs))
	for i, req := range reqs {
		t, err := a.locate(ctx, RefOf(req.Object))
		if err != nil {
			continue // applying it will tell
		}
		if old, _ := req.Survey.find(t.ref); old != nil {
			refusals[i] = a.checkOwner(t.ref, old, req.Adopt)
		}
	}
	return refusals
}

// Refused returns the Change of an object that is refused before it is applied.
func Refused(ref Ref, err error) Change { return failed(ref, err) }
