package kubernetes

import (
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A program that pauses before it reads ends neither the write nor the reads, whose
// deadlines client-go sets to about a minute.
func TestConnectionsWaitForProgramsThatDoNotRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		conn := &patientConn{Conn: near}
		defer conn.Close()
		written := make(chan error, 1)
		go func() {
			_ = conn.SetWriteDeadline(time.Now().Add(time.Minute))
			_, err := conn.Write([]byte("pasted"))
			written <- err
		}()
		read := make(chan error, 1)
		_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
		go func() {
			_, err := conn.Read(make([]byte, 1))
			read <- err
		}()
		time.Sleep(time.Hour)
		require.Empty(t, written)
		require.Empty(t, read)

		_, err := io.ReadFull(far, make([]byte, len("pasted")))
		require.NoError(t, err)
		require.NoError(t, <-written)
		begin := time.Now()
		require.ErrorIs(t, <-read, os.ErrDeadlineExceeded, "a server that does not answer pings after that hangs")
		require.LessOrEqual(t, time.Since(begin), time.Minute)

		_ = conn.SetWriteDeadline(time.Now().Add(5 * time.Second))
		_, err = conn.Write([]byte("goodbye"))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded, "TLS says goodbye with a short deadline")
		require.NoError(t, conn.Close())
		require.NoError(t, conn.Close())
	})
}
