package kubernetes

import "context"

// WithWarnings returns a context whose requests hand the warnings of the API server
// to note, such as that a version of a kind is deprecated. Each is one line. note may
// be called from several goroutines.
func WithWarnings(ctx context.Context, note func(text string)) context.Context {
	return context.WithValue(ctx, warningsKey{}, note)
}

type warningsKey struct{}

// contextWarnings hands warnings to the context of their request.
type contextWarnings struct{}

// HandleWarningHeaderWithContext implements rest.WarningHandlerWithContext.
func (contextWarnings) HandleWarningHeaderWithContext(ctx context.Context, code int, _, text string) {
	const miscellaneous = 299 // the only code that API servers use
	note, wanted := ctx.Value(warningsKey{}).(func(string))
	if wanted && code == miscellaneous && text != "" {
		note(clean(text))
	}
}
