package services

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// monitored lists n clusters and counts their checks.
type monitored struct {
	n       int
	checks  atomic.Int32
	running atomic.Int32
	most    atomic.Int32
	check   func(ctx context.Context, c models.Cluster) error
}

func (m *monitored) All(context.Context) ([]models.Cluster, error) {
	list := make([]models.Cluster, m.n)
	for i := range list {
		list[i].ID = fmt.Sprint(i)
	}
	return list, nil
}

func (m *monitored) CheckHealth(ctx context.Context, c models.Cluster) error {
	m.checks.Add(1)
	now := m.running.Add(1)
	defer m.running.Add(-1)
	for most := m.most.Load(); now > most && !m.most.CompareAndSwap(most, now); most = m.most.Load() {
	}
	return m.check(ctx, c)
}

func TestMonitorChecksEveryClusterEachRound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &monitored{n: 20, check: func(ctx context.Context, c models.Cluster) error {
			switch c.ID {
			case "1":
				return errors.New("no")
			case "2":
				panic("oh")
			case "3":
				<-ctx.Done() // hangs until its deadline
			}
			time.Sleep(5 * time.Second) // of the fake clock
			return nil
		}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		monitor := NewClusterHealthMonitor(m, m, DefaultMonitorOptions(), slog.New(slog.DiscardHandler))
		go func() { done <- monitor.Run(ctx) }()
		time.Sleep(3*time.Minute - time.Second)
		cancel()
		require.NoError(t, <-done)
		require.EqualValues(t, 60, m.checks.Load())
		require.LessOrEqual(t, m.most.Load(), int32(5))
	})
}
