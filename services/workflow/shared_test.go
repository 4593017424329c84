package workflow

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// slowStore is a store with one large workflow that takes a second to read.
type slowStore struct {
	store
	reads atomic.Int32
	large string
}

func (s *slowStore) Head(context.Context, string, string) (models.WorkflowHead, error) {
	return models.WorkflowHead{Seq: 7}, nil
}

func (s *slowStore) Get(_ context.Context, _, id string) (models.Workflow, error) {
	s.reads.Add(1)
	time.Sleep(time.Second) // of the fake clock
	return models.Workflow{ID: id, Seq: 7, Nodes: []models.Node{
		{ID: "n", Data: models.Data{"text": s.large, models.StatusKey: map[string]any{"state": "healthy"}}},
	}}, nil
}

// Also a document that is too large for the cache is made once for the readers
// that come at the same time.
func TestReadersAtOnceShareOneDocument(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"cached": 1 << 10, "too large for the cache": documentCacheSize} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				st := &slowStore{large: strings.Repeat("x", size)}
				s := NewService(st, nil, nil, Eraser{}, models.AccountLimits{})
				docs := make([]models.WorkflowDocument, 20)
				var all sync.WaitGroup
				for i := range docs {
					all.Go(func() {
						var err error
						if docs[i], err = s.Document(t.Context(), "ann", "w"); err != nil {
							t.Error(err)
						}
						if _, err := s.Statuses(t.Context(), "ann", "w"); err != nil {
							t.Error(err)
						}
					})
				}
				all.Wait()
				for _, d := range docs {
					require.Same(t, &docs[0].Body[0], &d.Body[0])
				}
				require.EqualValues(t, 2, st.reads.Load(), "one for the documents, one for the statuses")

				hurry, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				defer cancel()
				_, err := s.Statuses(hurry, "ann", "w")
				require.Equal(t, models.Unavailable, models.KindOf(err))
				got, err := s.Statuses(t.Context(), "ann", "w")
				require.NoError(t, err)
				require.Len(t, got.Nodes, 1, "the read goes on when a caller leaves")
			})
		})
	}
}
