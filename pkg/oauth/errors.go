package oauth

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/oauth2"
)

// Reason is the class of a failed login.
type Reason uint8

// The reasons.
const (
	Unreachable Reason = iota // the provider does not answer, or not as one
	Refused                   // the provider does not accept the code or this server
	Untrusted                 // what came back is not proven to be the provider's, or for this login
)

// Error is a login that a provider, or the way to it, spoilt. Its text is for
// the operator; it is bounded and holds no code, token or client secret.
type Error struct {
	Reason Reason
	Err    error
}

// Error returns the cause.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func untrusted(err error) error { return &Error{Untrusted, err} }

// unreachable keeps the cause's class, so that a timeout is known as one, and
// cuts its text: it may hold a page of the provider's.
func unreachable(doing string, err error) error {
	return &Error{Unreachable, &cut{text: doing + ": " + Clip(err.Error(), 300), err: err}}
}

// cut is err with a text that may be logged.
type cut struct {
	text string
	err  error
}

func (c *cut) Error() string { return c.text }
func (c *cut) Unwrap() error { return c.err }

// exchangeError leaves out the answer's body, which the library would show: a
// provider may repeat in it what it was sent.
func exchangeError(err error) error {
	answer, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return unreachable("ask the token endpoint", err)
	}
	status := 0
	if answer.Response != nil {
		status = answer.Response.StatusCode
	}
	cause := fmt.Errorf("the token endpoint answered %d %s", status, Clip(answer.ErrorCode, 60))
	if status >= 500 || status/100 == 3 {
		return &Error{Unreachable, cause}
	}
	return &Error{Refused, cause}
}

// Clip makes foreign text fit for a line of a log or of a page: at most limit
// characters, none of which controls anything.
func Clip(s string, limit int) string {
	if len(s) > limit*utf8.UTFMax {
		s = s[:limit*utf8.UTFMax]
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if runes := []rune(s); len(runes) > limit {
		s = string(runes[:limit])
	}
	return strings.TrimSpace(s)
}
