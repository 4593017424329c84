package database

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
)

func TestServerOptions(t *testing.T) {
	t.Parallel()
	o := serverOptions("mongodb://127.0.0.1/")
	require.Equal(t, "majority", o.WriteConcern.W)
	require.Equal(t, readconcern.Majority(), o.ReadConcern)
	require.Equal(t, []any{connectTime, operationTime}, []any{*o.ConnectTimeout, *o.Timeout})
	require.Nil(t, o.RetryWrites, "the driver retries")

	o = serverOptions("mongodb://127.0.0.1/?w=1&journal=true&readConcernLevel=local&readPreference=secondaryPreferred&retryWrites=false&connectTimeoutMS=1000&timeoutMS=2000")
	require.Equal(t, "majority", o.WriteConcern.W, "less would lose what was acknowledged")
	require.True(t, *o.WriteConcern.Journal)
	require.Equal(t, readpref.PrimaryMode, o.ReadPreference.Mode(), "a secondary would show what was revoked")
	require.Equal(t, readconcern.Majority(), o.ReadConcern)
	require.Equal(t, []any{time.Second, 2 * time.Second, false}, []any{*o.ConnectTimeout, *o.Timeout, *o.RetryWrites})
}
