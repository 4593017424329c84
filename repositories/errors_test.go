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
