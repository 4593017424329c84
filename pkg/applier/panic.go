package applier

import (
	"fmt"
	"runtime/debug"

	"github.com/kubeorch/core/pkg/kubernetes"
)

// protect turns a panic of f into an error: objects are worked on in
// goroutines of their own, where it would end the process.
func (a *Applier) protect(f func() error) (err error) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		cause := fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		if a.opts.OnPanic != nil {
			a.opts.OnPanic(cause)
		}
		err = &kubernetes.Error{Reason: kubernetes.Other, Message: "a fault in the server broke this off", Err: cause}
	}()
	return f()
}

// guarded is f with its panics as failures of the object.
func (a *Applier) guarded(ref Ref, f func() Change) func() Change {
	return func() (c Change) {
		if err := a.protect(func() error { c = f(); return nil }); err != nil {
			return failed(ref, err)
		}
		return c
	}
}
