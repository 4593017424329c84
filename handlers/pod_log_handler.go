package handlers

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// OpenLogs begins to read the logs of a pod or workload that the user may see. The
// frames of the subscription end with why there are no more.
type OpenLogs func(ctx context.Context, userID, id string, q models.LogQuery) (Subscription, models.LogMetadata, error)

// AsOpenLogs adapts a function that returns a concrete subscription.
func AsOpenLogs[V interface {
	Subscription
	Metadata() models.LogMetadata
}](f func(ctx context.Context, userID, id string, q models.LogQuery) (V, error)) OpenLogs {
	return func(ctx context.Context, userID, id string, q models.LogQuery) (Subscription, models.LogMetadata, error) {
		v, err := f(ctx, userID, id, q)
		if err != nil {
			return nil, models.LogMetadata{}, err
		}
		return v, v.Metadata(), nil
	}
}

// logDownload is logs as a file.
type logDownload interface {
	Name() string
	// Write calls send with the file, part by part, and now and then with nothing. It
	// ends with the first error of send.
	Write(send func(chunk []byte) error) error
	Close()
}

// DownloadLogs is OpenLogs for a file.
type DownloadLogs func(ctx context.Context, userID, id string, q models.LogQuery) (logDownload, error)

// AsDownloadLogs adapts a function that returns a concrete download.
func AsDownloadLogs[D logDownload](f func(ctx context.Context, userID, id string, q models.LogQuery) (D, error)) DownloadLogs {
	return func(ctx context.Context, userID, id string, q models.LogQuery) (logDownload, error) {
		d, err := f(ctx, userID, id, q)
		if err != nil {
			return nil, err
		}
		return d, nil
	}
}

// PodLog serves the logs of pods and workloads.
type PodLog struct {
	open     OpenLogs
	download DownloadLogs
	log      *slog.Logger
}

// NewPodLog returns a handler that reads logs by open and download. Panics of a stream
// are logged to log.
func NewPodLog(open OpenLogs, download DownloadLogs, log *slog.Logger) *PodLog {
	return &PodLog{open: open, download: download, log: log}
}

// Stream answers GET /resources/:id/logs/stream: lines from before, then new ones for as
// long as the reader stays, each as text behind its time.
func (h *PodLog) Stream(c *gin.Context) error {
	q, err := logQuery(c, defaultLogTail)
	if err != nil {
		return err
	}
	q.Tail = min(max(q.Tail, minLogTail), maxLogTail)
	q.LastEventID = c.GetHeader("Last-Event-ID")
	sub, meta, err := h.open(c.Request.Context(), caller(c).UserID, c.Param("id"), q)
	if err != nil {
		return err
	}
	s := openStream(c, h.log)
	s.text = true
	_ = s.event("", models.EventMetadata, meta) // a reader that has left fails the next send, too
	s.serve(c.Request.Context(), func(ctx context.Context) {
		defer sub.Close()
		s.follow(ctx, sub, nil) // nothing is lost without notice
	})
	return nil
}

// Download answers GET /resources/:id/logs/download: lines from before, as a file.
func (h *PodLog) Download(c *gin.Context) error {
	q, err := logQuery(c, 0)
	if err != nil {
		return err
	}
	d, err := h.download(c.Request.Context(), caller(c).UserID, c.Param("id"), q)
	if err != nil {
		return err
	}
	header := c.Writer.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("Content-Disposition", `attachment; filename="`+d.Name()+`"`)
	header.Set("Cache-Control", "no-cache")
	t := openTransport(c, h.log)
	t.serve(c.Request.Context(), func(ctx context.Context) {
		defer d.Close()
		sessionEnded := models.SessionEnded(ctx)
		_ = d.Write(func(chunk []byte) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-sessionEnded:
				_ = t.send([][]byte{[]byte("# the file ends here: the session has ended\n")})
				return errSessionEnded
			default:
			}
			if len(chunk) > 0 {
				return t.send([][]byte{chunk})
			}
			if t.gone() {
				return io.ErrClosedPipe
			}
			return nil
		})
	})
	return nil
}

// errSessionEnded ends a download.
var errSessionEnded = errors.New("the session has ended") //nolint:gochecknoglobals // never written
