package watch

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFairQueueTakesGroupsInTurn(t *testing.T) {
	t.Parallel()
	q := NewFairQueue(func(k string) string { return k[:1] })
	defer q.Stop()
	for _, k := range []string{"a1", "a2", "a3", "b1", "a4", "c1", "b2", "a1"} {
		q.q.Add(k)
	}
	var got []string
	for q.q.Len() > 0 {
		k, _ := q.q.Get()
		got = append(got, k)
		q.q.Done(k)
	}
	require.Equal(t, []string{"a1", "b1", "c1", "a2", "b2", "a3", "a4"}, got)
}
