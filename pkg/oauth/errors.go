package oauth

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/oauth2"
)

// Reason classifies a failed login.
type Reason uint8

// The reasons.
const (
	Unreachable Reason = iota // the provider gives no usable answer
	Refused                   // the provider refuses the code or this client
	Untrusted                 // the answer is not proven to come from the provider, or for this login
)

// Error is a failure of a login. Its text is for operators; it is of bounded length
// and holds no code, token or client secret.
type Error struct {
	Reason Reason
	Err    error
}

// Error returns the cause.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func untrusted(err error) error { return &Error{Untrusted, err} }

// unreachable wraps err, so that a time-out is known as one, and shortens its text,
// which may hold a whole page of the provider's.
func unreachable(doing string, err error) error {
	return &Error{Unreachable, &clippedError{text: doing + ": " + Clip(err.Error(), 300), err: err}}
}

// clippedError is err with a text that may be logged.
type clippedError struct {
	text string
	err  error
}

func (c *clippedError) Error() string { return c.text }
func (c *clippedError) Unwrap() error { return c.err }

// exchangeError leaves out the body of the response, which the text of the library
// has: a provider may repeat in it the secrets that it was sent.
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

// Clip makes foreign text fit for one line of a log or page: it has at most limit
// characters and no control characters.
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
