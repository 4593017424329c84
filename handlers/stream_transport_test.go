package handlers

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// A stream runs after its request, where net/http recovers no panics.
func TestAPanicEndsItsStreamOnly(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	server, client := net.Pipe()
	s := &connTransport{conn: server, log: slog.New(slog.NewTextHandler(&log, nil))}
	s.serve(t.Context(), func(context.Context) { panic("an unexpected fault") })
	_, err := io.ReadAll(client) // the end of the answer comes after the log
	require.NoError(t, err)
	require.Contains(t, log.String(), "an unexpected fault")
	require.Contains(t, log.String(), "stream_transport_test.go")
}
