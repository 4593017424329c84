package app

import (
	"context"
	"time"
)

// probeAge is how long the outcome of a test write is reported again.
const probeAge = 5 * time.Second

// writeProbe tells whether the database can be written, by writing: reads go on
// while its disk is full. However many callers there are, it writes once in
// probeAge. It is safe for concurrent use.
type writeProbe struct {
	write func(ctx context.Context, at time.Time) error
	now   func() time.Time

	turn    chan struct{} // holds one place, which guards the rest
	written time.Time
	err     error
}

func newWriteProbe(write func(ctx context.Context, at time.Time) error, now func() time.Time) *writeProbe {
	return &writeProbe{write: write, now: now, turn: make(chan struct{}, 1)}
}

// ready returns why the database cannot be written.
func (p *writeProbe) ready(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	now := p.now()
	if !p.written.IsZero() && now.Sub(p.written) < probeAge {
		return p.err
	}
	err := p.write(ctx, now)
	if err == nil || ctx.Err() == nil { // a caller that gave up has tried nothing
		p.written, p.err = now, err
	}
	return err
}
