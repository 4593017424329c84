package repositories_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/database/dbtest"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
)

func relayEntry(n int64, from string) models.RelayEntry {
	return models.RelayEntry{N: n, Epoch: "e", From: from, Batch: n, At: time.UnixMilli(1).UTC(), Messages: []models.RelayMessage{
		{Topic: models.TopicEvent, Key: "workflow:w", Event: "node_update", Data: []byte("{\"a\":\"\x00\"}")},
		{Topic: "revoke", Key: "ann"},
	}}
}

func TestRelayLog(t *testing.T) {
	t.Parallel()
	log := repositories.NewRelayLog(dbtest.Open(t).Database())
	newest, err := log.Newest(t.Context())
	require.NoError(t, err)
	require.Zero(t, newest)
	list, err := log.After(t.Context(), 0, 10)
	require.NoError(t, err)
	require.Empty(t, list)
	require.NoError(t, log.DeleteThrough(t.Context(), 5))

	epoch, err := log.Epoch(t.Context())
	require.NoError(t, err)
	require.Regexp(t, `^[a-z2-7]{10}$`, epoch)
	newest, err = log.Newest(t.Context())
	require.NoError(t, err)
	require.Zero(t, newest)

	for n := range int64(12) {
		require.NoError(t, log.Append(t.Context(), relayEntry(n+1, "a")))
	}
	require.Equal(t, models.Conflict, models.KindOf(log.Append(t.Context(), relayEntry(12, "b"))))
	list, err = log.After(t.Context(), 8, 3)
	require.NoError(t, err)
	require.Equal(t, []models.RelayEntry{relayEntry(9, "a"), relayEntry(10, "a"), relayEntry(11, "a")}, list)
	newest, err = log.Newest(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 12, newest)

	require.NoError(t, log.DeleteThrough(t.Context(), 11))
	list, err = log.After(t.Context(), 0, 10)
	require.NoError(t, err)
	require.Equal(t, []models.RelayEntry{relayEntry(12, "a")}, list)
	again, err := log.Epoch(t.Context())
	require.NoError(t, err)
	require.Equal(t, epoch, again, "trimming leaves the epoch")
}

// Every number has one entry, and all know the log by the same epoch, however many
// servers begin at once.
func TestRelayLogUnderConcurrency(t *testing.T) {
	t.Parallel()
	const servers, each = 4, 20
	db := dbtest.Open(t).Database()
	epochs := make([]string, servers)
	var all sync.WaitGroup
	for i := range servers {
		all.Go(func() {
			log, from, mine := repositories.NewRelayLog(db), string(rune('a'+i)), 0
			for epochs[i] == "" {
				epoch, err := log.Epoch(t.Context())
				if err != nil && models.KindOf(err) != models.Conflict {
					t.Error(err)
					return
				}
				epochs[i] = epoch
			}
			for n := int64(1); mine < each; n++ {
				switch err := log.Append(t.Context(), relayEntry(n, from)); {
				case err == nil:
					mine++
				case models.KindOf(err) != models.Conflict:
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	for _, epoch := range epochs {
		require.Equal(t, epochs[0], epoch)
	}
	list, err := repositories.NewRelayLog(db).After(t.Context(), 0, 2*servers*each)
	require.NoError(t, err)
	require.Len(t, list, servers*each)
	var from strings.Builder
	for i, e := range list {
		require.EqualValues(t, i+1, e.N)
		from.WriteString(e.From)
	}
	for i := range servers {
		require.Equal(t, each, strings.Count(from.String(), string(rune('a'+i))))
	}
}
