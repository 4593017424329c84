package storage

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	bolt "go.etcd.io/bbolt"

	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
)

// ErrDamaged is wrapped by Open's error about a file that is no whole store.
var ErrDamaged = errors.New("the file is damaged")

// panicError is a panic that was caught. The stack is for the log only.
type panicError struct {
	value  any
	stack  []byte
	damage bool // reading the file caused it
}

func (e *panicError) Error() string {
	if e.damage {
		return fmt.Sprintf("the store is damaged: %v; stop the server, put a backup of %s in its place and start again", e.value, fileName)
	}
	return fmt.Sprintf("internal failure: %v", e.value)
}

// As gives damage the code that clients know it by.
func (e *panicError) As(target any) bool {
	m, ok := target.(**mongoerr.Error)
	if ok && e.damage {
		*m = mongoerr.New(mongoerr.DataCorruption, "%v", e)
	}
	return ok && e.damage
}

// LogValue tells the log where it happened.
func (e *panicError) LogValue() slog.Value {
	return slog.StringValue(fmt.Sprintf("%v\n%s", e, e.stack))
}

// protect turns a panic into an error, so that one request cannot end the
// process or leave the store locked. That includes reading beyond the end of
// the file, which is mapped into memory.
func protect(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{value: p, stack: debug.Stack(), damage: isDamage(p)}
		}
	}()
	return fn()
}

// isDamage reports whether the panic p, which is being recovered from, comes
// from reading the file: a fault of the mapping, or a failure inside bbolt.
func isDamage(p any) bool {
	if _, fault := p.(interface{ Addr() uintptr }); fault {
		return true
	}
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs)])
	for panicked := false; ; {
		frame, more := frames.Next()
		inRuntime := strings.HasPrefix(frame.Function, "runtime.")
		if panicked && !inRuntime {
			return strings.HasPrefix(frame.Function, "go.etcd.io/bbolt")
		}
		panicked = panicked || frame.Function == "runtime.gopanic"
		if !more {
			return false
		}
	}
}

// checkStructure checks that every page of the file is in order and that every
// bucket of the catalog is there. It does not look into documents; Verify does.
// It returns how large the file has to be.
func checkStructure(db *bolt.DB, file *os.File) (size int64, err error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	err = protect(func() error {
		return db.View(func(tx *bolt.Tx) error {
			if size = tx.Size(); size > info.Size() {
				return fmt.Errorf("%d of %d bytes are there", info.Size(), size)
			}
			if err := checkPages(file, db.Info().PageSize, uint64(tx.ID())); err != nil {
				return err
			}
			cat, err := readCatalog(tx)
			if err != nil {
				return err
			}
			return cat.checkBuckets(tx)
		})
	})
	return size, err
}

// checkBuckets checks that what the catalog tells of is there.
func (c *catalog) checkBuckets(tx *bolt.Tx) error {
	for _, coll := range c.byNS {
		if tx.Bucket(coll.bucket()) == nil {
			return fmt.Errorf("the documents of %s are missing", coll.Name)
		}
		for _, ix := range coll.Indexes {
			if tx.Bucket(ix.bucket()) == nil {
				return fmt.Errorf("the index %s of %s is missing", ix.Name, coll.Name)
			}
		}
	}
	return nil
}
