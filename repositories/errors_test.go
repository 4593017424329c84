package repositories

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/mongo"

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
