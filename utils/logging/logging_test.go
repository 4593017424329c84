package logging

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRequestIDIsInEveryLine(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		log, err := New(&out, "info", format)
		require.NoError(t, err)
		ctx := WithRequestID(t.Context(), "trace-9")
		log.With("part", "x").InfoContext(ctx, "hello")
		require.Contains(t, out.String(), "trace-9")
		require.Contains(t, out.String(), "hello")

		out.Reset()
		log.InfoContext(t.Context(), "no request")
		require.NotContains(t, out.String(), "request_id")
		log.DebugContext(ctx, "too fine")
		require.NotContains(t, out.String(), "too fine")
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	_, err := New(&bytes.Buffer{}, "loud", "text")
	require.ErrorContains(t, err, "log level")
	_, err = New(&bytes.Buffer{}, "info", "xml")
	require.ErrorContains(t, err, "log format")
}
