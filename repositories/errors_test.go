package repositories

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"github.com/kubeorch/core/models"
)

func TestDamagedDataIsUnavailable(t *testing.T) {
	t.Parallel()
	err := translate("op", "cluster", mongo.CommandError{Code: 364, Message: "page 7 is broken"})
	require.Equal(t, models.Unavailable, models.KindOf(err))
	require.Contains(t, models.MessageOf(err), "restore a backup")
	require.NotContains(t, models.MessageOf(err), "page 7")
}

func TestFullDiskIsInsufficientStorage(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		mongo.CommandError{Code: 14031, Message: "write /data: no space"},
		mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: 14031, Message: "write /data: no space"}}},
	} {
		err = translate("op", "workflow", err)
		require.Equal(t, models.InsufficientStorage, models.KindOf(err))
		require.Contains(t, models.MessageOf(err), "disk of the database is full")
		require.NotContains(t, models.MessageOf(err), "/data")
	}
}

// While the database is away, requests are told when to come again.
func TestDatabaseThatIsAwayIsUnavailable(t *testing.T) {
	t.Parallel()
	network := errors.New("connection reset by peer")
	for name, err := range map[string]error{
		"no primary":              topology.ServerSelectionError{Wrapped: context.DeadlineExceeded},
		"no connection":           topology.ConnectionError{Wrapped: network},
		"a lost connection":       mongo.CommandError{Labels: []string{"NetworkError"}, Wrapped: network},
		"a secondary":             mongo.CommandError{Code: 10107, Message: "not primary"},
		"a secondary, for reads":  mongo.CommandError{Code: 13435, Message: "not primary"},
		"a step-down":             mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: 189}}},
		"a step-down meanwhile":   mongo.CommandError{Code: 11602},
		"a shutdown":              mongo.BulkWriteException{WriteConcernError: &mongo.WriteConcernError{Code: 91}},
		"a write nobody confirms": mongo.WriteException{WriteConcernError: &mongo.WriteConcernError{Code: 64}},
		"a cursor that is gone":   mongo.CommandError{Code: 43},
		"a closed client":         mongo.ErrClientDisconnected,
		"no answer":               context.DeadlineExceeded,
		"no answer in maxTimeMS":  mongo.CommandError{Code: 50, Name: "MaxTimeMSExpired"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failed, ok := errors.AsType[*models.Error](translate("op", "workflow", fmt.Errorf("while testing: %w", err)))
			require.True(t, ok)
			require.Equal(t, models.Unavailable, failed.Kind)
			require.Positive(t, failed.RetryAfter)
		})
	}
	taken := mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: 11000}}}
	require.Equal(t, models.Conflict, models.KindOf(translate("op", "workflow", taken)))
	require.Equal(t, models.Internal, models.KindOf(translate("op", "workflow", mongo.CommandError{Code: 2})))
}
