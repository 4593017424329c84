package applier

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"

	"github.com/kubeorch/core/pkg/kubernetes"
)

func TestRetry(t *testing.T) {
	t.Parallel()
	const conflict, invalid, timeout = kubernetes.Conflict, kubernetes.Invalid, kubernetes.Timeout
	for name, tc := range map[string]struct {
		failures []kubernetes.Reason // of one attempt after the other; then it succeeds
		attempts int
		want     kubernetes.Reason
	}{
		"success":              {nil, 1, ""},
		"conflicts that end":   {[]kubernetes.Reason{conflict, conflict}, 3, ""},
		"conflicts for ever":   {[]kubernetes.Reason{conflict, conflict, conflict, conflict, conflict, conflict}, 5, conflict},
		"a permanent failure":  {[]kubernetes.Reason{invalid}, 1, invalid},
		"a time-out":           {[]kubernetes.Reason{timeout}, 1, timeout},
		"another failure last": {[]kubernetes.Reason{conflict, invalid}, 2, invalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				attempts, begin := 0, time.Now()
				err := retry(t.Context(), func() error {
					attempts++
					if attempts > len(tc.failures) {
						return nil
					}
					return &kubernetes.Error{Reason: tc.failures[attempts-1]}
				})
				require.Equal(t, tc.want, kubernetes.ReasonOf(err))
				require.Equal(t, tc.attempts, attempts)
				require.LessOrEqual(t, time.Since(begin), 3*time.Second)
			})
		})
	}
}

func TestRetryEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		begin := time.Now()
		err := retry(ctx, func() error { return &kubernetes.Error{Reason: kubernetes.Conflict} })
		require.Equal(t, kubernetes.Conflict, kubernetes.ReasonOf(err), "the failure tells more than the context")
		require.Equal(t, 20*time.Millisecond, time.Since(begin))
		require.ErrorIs(t, retry(ctx, func() error { return nil }), context.DeadlineExceeded)
	})
}

// answers is a client whose reads return one answer after the other; the last one
// is repeated.
type answers struct {
	metadata.ResourceInterface
	list []answer
}

type answer struct {
	uid        types.UID // "" means that the object does not exist
	finalizers []string
	failure    kubernetes.Reason
}

func (a *answers) Get(context.Context, string, metav1.GetOptions, ...string) (*metav1.PartialObjectMetadata, error) {
	now := a.list[0]
	if len(a.list) > 1 {
		a.list = a.list[1:]
	}
	switch {
	case now.failure != "":
		return nil, &kubernetes.Error{Reason: now.failure, Message: string(now.failure)}
	case now.uid == "":
		return nil, &kubernetes.Error{Reason: kubernetes.NotFound}
	}
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{UID: now.uid, Finalizers: now.finalizers}}, nil
}

func TestWaitDeleted(t *testing.T) {
	t.Parallel()
	present := answer{uid: "1"}
	for name, tc := range map[string]struct {
		answers []answer
		text    string // of the error; "" means none
	}{
		"absent at once":           {[]answer{{}}, ""},
		"absent after a while":     {[]answer{present, present, present, present, {}}, ""},
		"created anew":             {[]answer{present, {uid: "2"}}, ""},
		"after a broken answer":    {[]answer{present, {failure: kubernetes.Unreachable}, {failure: kubernetes.Timeout}, {}}, ""},
		"unreadable":               {[]answer{present, {failure: kubernetes.Forbidden}}, "Forbidden"},
		"for ever":                 {[]answer{present}, "did not go away in time"},
		"held back by a finalizer": {[]answer{{uid: "1", finalizers: []string{"example.com/a"}}}, "held back by the finalizer example.com/a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				ta := &target{ref: namespaceRef("n"), client: &answers{list: tc.answers}}
				err := ta.waitDeleted(ctx, &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{UID: "1"}})
				if tc.text == "" {
					require.NoError(t, err)
					return
				}
				require.ErrorContains(t, err, tc.text)
			})
		})
	}
}
