package keys

import (
	"context"
	"errors"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/encryption"
)

const (
	// batchSize is how many values are read and written at once.
	batchSize = 50
	// passes bounds the passes over all values. The first one rewrites, the second
	// one finds nothing left; further ones are for values that other servers sealed
	// with an old key in between.
	passes = 10
)

// sealedValues are the encrypted values of all records.
type sealedValues interface {
	Count(ctx context.Context, f models.SealedField) (int, error)
	ListAfter(ctx context.Context, f models.SealedField, after string, limit int) ([]models.SealedValue, error)
	Swap(ctx context.Context, f models.SealedField, swaps []models.SealedSwap) (int, error)
}

// keyring seals with the present key and opens with any; aad names the record and
// the field.
type keyring interface {
	Seal(plaintext []byte, aad string) ([]byte, error)
	Open(sealed []byte, aad string) ([]byte, error)
	Current(sealed []byte) bool // under the key that Seal uses
	Keys() []string
}

// Rotation seals values again that are under another key than the present one. It
// is safe for concurrent use, also in several processes.
type Rotation struct {
	values sealedValues
	keys   keyring
	fields []models.SealedField
}

// NewRotation returns a rotation of the given fields to the first of the keys.
func NewRotation(values sealedValues, keys keyring, fields []models.SealedField) *Rotation {
	return &Rotation{values: values, keys: keys, fields: fields}
}

// Run seals all values with the present key, batch by batch, and repeats this until
// a pass finds none under another key. Values that do not open stay as they are
// and are counted. A value that is changed at the same time keeps its change. Run
// may end at any point, by ctx or with the process: every value opens with one of
// the keys all the time, and the next Run continues. Report is called for each
// batch and each value that does not open, by the goroutine that called Run.
func (k *Rotation) Run(ctx context.Context, report func(models.KeyProgress)) (models.KeyRotation, error) {
	sum := models.KeyRotation{Key: k.keys.Keys()[0], Idle: []string{}}
	for n := range passes {
		p, err := k.pass(ctx, report)
		sum.Rewritten += p.rewritten
		if err != nil {
			return sum, err
		}
		if n == 0 {
			sum.Current = p.current
			report = func(models.KeyProgress) {} // the first pass has reported everything
		}
		if p.stale == 0 {
			sum.Unreadable = p.unreadable
			for _, id := range k.keys.Keys()[1:] {
				if !p.needed[id] {
					sum.Idle = append(sum.Idle, id)
				}
			}
			return sum, nil
		}
	}
	return sum, &models.Error{
		Op: "keys.Rotation.Run", Kind: models.Conflict,
		Msg: "values keep being sealed with another key: is there a server that was not restarted with the new one?",
	}
}

// pass is what one pass found.
type pass struct {
	current    int             // under the present key and readable
	stale      int             // under another key and readable
	rewritten  int             // of the stale ones
	unreadable int             // whatever their key
	needed     map[string]bool // keys of the unreadable ones
}

func (k *Rotation) pass(ctx context.Context, report func(models.KeyProgress)) (p pass, err error) {
	p.needed = map[string]bool{}
	for _, f := range k.fields {
		progress := models.KeyProgress{Field: f}
		if progress.Total, err = k.values.Count(ctx, f); err != nil {
			return p, err
		}
		for last := ""; ; {
			batch, err := k.values.ListAfter(ctx, f, last, batchSize)
			if err != nil {
				return p, err
			}
			if len(batch) == 0 {
				break
			}
			if err := k.rewrite(ctx, f, batch, &p, report); err != nil {
				return p, err
			}
			last = batch[len(batch)-1].ID
			progress.Done += len(batch)
			report(progress)
		}
	}
	return p, nil
}

func (k *Rotation) rewrite(ctx context.Context, f models.SealedField, batch []models.SealedValue, p *pass, report func(models.KeyProgress)) error {
	var swaps []models.SealedSwap
	for _, v := range batch {
		if len(v.Sealed) == 0 {
			continue
		}
		plain, err := k.keys.Open(v.Sealed, f.Place(v.ID))
		switch {
		case err != nil:
			p.unreadable++
			p.needed[encryption.KeyOf(v.Sealed)] = true
			report(models.KeyProgress{Field: f, Unreadable: v.ID, Reason: unreadable(err, v.Sealed)})
		case k.keys.Current(v.Sealed):
			p.current++
		default:
			sealed, err := k.keys.Seal(plain, f.Place(v.ID))
			if err != nil {
				return err
			}
			swaps = append(swaps, models.SealedSwap{ID: v.ID, Old: v.Sealed, New: sealed})
		}
	}
	p.stale += len(swaps)
	done, err := k.values.Swap(ctx, f, swaps)
	p.rewritten += done
	return err
}

func unreadable(err error, sealed []byte) string {
	if errors.Is(err, encryption.ErrUnknownKey) {
		return "sealed with key " + encryption.KeyOf(sealed) + ", which is not configured"
	}
	return err.Error()
}
