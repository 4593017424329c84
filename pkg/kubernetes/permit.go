package kubernetes

import (
	"context"
	"net/http"
)

type permitKey struct{}

// WithPermit returns a context whose calls to clusters ask permit right before they
// are sent, after all waiting for connections and rates, and fail with its error. It
// is for work that may have to end while it waits, and permit may wait itself. The error's reason is Cancelled.
func WithPermit(ctx context.Context, permit func(ctx context.Context) error) context.Context {
	return context.WithValue(ctx, permitKey{}, permit)
}

// Permitted returns the error of the permit of ctx, or nil.
func Permitted(ctx context.Context) error {
	permit, ok := ctx.Value(permitKey{}).(func(context.Context) error)
	if !ok {
		return nil
	}
	return permit(ctx)
}

// permitTransport asks the permit of each request's context.
type permitTransport struct{ next http.RoundTripper }

// RoundTrip sends r if it is permitted.
func (t permitTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := Permitted(r.Context()); err != nil {
		closeBody(r)
		return nil, &Error{Reason: Cancelled, Message: "the operation was cancelled", Err: err}
	}
	return t.next.RoundTrip(r)
}
