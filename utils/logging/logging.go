// Package logging creates the program's logger, which adds the id of the request
// to every line.
package logging

import (
	"context"
	"fmt"
	"io"
	"log/slog"
)

type requestIDKey struct{}

// WithRequestID returns a context whose log lines carry id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestID returns the id that WithRequestID put into ctx, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// New returns a logger that writes to w. level is debug, info, warn or error,
// format text or json; other values are errors.
func New(w io.Writer, level, format string) (*slog.Logger, error) {
	var opts slog.HandlerOptions
	var lvl slog.Level
	if err := lvl.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level: %w", err)
	}
	opts.Level = lvl
	switch format {
	case "text":
		return slog.New(handler{slog.NewTextHandler(w, &opts)}), nil
	case "json":
		return slog.New(handler{slog.NewJSONHandler(w, &opts)}), nil
	}
	return nil, fmt.Errorf("log format %q: must be text or json", format)
}

// handler adds the request id of the context to each record.
type handler struct{ slog.Handler }

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	if id := RequestID(ctx); id != "" {
		r.AddAttrs(slog.String("request_id", id))
	}
	return h.Handler.Handle(ctx, r)
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs)}
}

func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }
