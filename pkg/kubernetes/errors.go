package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Reason classifies a failure.
type Reason string

// The reasons. Callers may branch on them; messages are for users.
const (
	BadConfig     Reason = "BadConfig"     // the form of a Config is wrong; Field names the field
	Unauthorized  Reason = "Unauthorized"  // the credentials are not accepted
	Forbidden     Reason = "Forbidden"     // the credentials do not permit this
	NotFound      Reason = "NotFound"      // no such object
	UnknownKind   Reason = "UnknownKind"   // the cluster does not know the kind
	Exists        Reason = "Exists"        // the object exists already
	Conflict      Reason = "Conflict"      // another client has changed the object
	Invalid       Reason = "Invalid"       // the cluster refuses the content of the object
	Timeout       Reason = "Timeout"       // no answer in time
	Cancelled     Reason = "Cancelled"     // the caller gave up
	Unreachable   Reason = "Unreachable"   // no connection, or it broke
	NotAllowed    Reason = "NotAllowed"    // the address may not be connected to
	TLS           Reason = "TLS"           // the secure connection cannot be made
	NotKubernetes Reason = "NotKubernetes" // the server is no API server
	TooLarge      Reason = "TooLarge"      // the response is larger than this server reads
	Busy          Reason = "Busy"          // the cluster asks to come back later
	NoCommand     Reason = "NoCommand"     // the container has no such program
	Other         Reason = "Other"
)

// Error is a failure to talk to a cluster. Message is fit for users and holds
// no credentials; Err is for operators.
type Error struct {
	Reason  Reason
	Field   string // for BadConfig: the field of the credentials
	Message string
	Err     error
}

// Error returns the message without the cause, which may hold text of a hostile
// server.
func (e *Error) Error() string {
	if e.Field != "" {
		return e.Field + ": " + e.Message
	}
	return e.Message
}

// UserMessage is the text of Error: it is fit for users.
func (e *Error) UserMessage() string { return e.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ReasonOf returns the reason of Translate(err), and "" for nil.
func ReasonOf(err error) Reason {
	if err == nil {
		return ""
	}
	return Translate(err).Reason
}

// Retryable reports whether the same call may succeed shortly.
func (r Reason) Retryable() bool {
	return r == Busy || r == Unreachable || r == Timeout || r == Conflict
}

func badConfig(field, message string) *Error {
	return &Error{Reason: BadConfig, Field: field, Message: message}
}

// fieldPath names a place in a Config: a field of the form, and for what is
// inside of a kubeconfig the path there.
type fieldPath struct{ field, path string }

// bad returns a BadConfig error; the message continues the name of the place.
func (p fieldPath) bad(message string) *Error {
	return badConfig(p.field, strings.TrimSpace(p.path+" "+message))
}

// Translate returns the *Error that err wraps, or one with the reason and a
// message for users. It returns nil for nil.
func Translate(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if status := apierrors.APIStatus(nil); errors.As(err, &status) {
		return fromStatus(status.Status(), err)
	}
	if meta.IsNoMatchError(err) {
		return &Error{Reason: UnknownKind, Message: clean(err.Error()), Err: err}
	}
	if errors.Is(err, context.Canceled) {
		return &Error{Reason: Cancelled, Message: "the operation was cancelled", Err: err}
	}
	return fromTransport(err)
}

func fromStatus(s metav1.Status, err error) *Error {
	e := &Error{Reason: Other, Message: clean(s.Message), Err: err}
	switch {
	case s.Code == http.StatusUnauthorized:
		e.Reason, e.Message = Unauthorized, "the cluster does not accept the credentials"
	case s.Code == http.StatusForbidden && strings.Contains(s.Message, "exceeded quota"):
		e.Reason = Invalid
	case s.Code == http.StatusForbidden:
		e.Reason, e.Message = Forbidden, "the cluster does not permit this: "+e.Message
	case s.Reason == metav1.StatusReasonAlreadyExists:
		e.Reason = Exists
	case s.Code == http.StatusConflict:
		e.Reason = Conflict
	case s.Reason == metav1.StatusReasonNotFound && s.Details != nil && s.Details.Name == "":
		e.Reason, e.Message = UnknownKind, "the cluster does not know this kind of object, or the server is no Kubernetes API server"
	case s.Code == http.StatusNotFound:
		e.Reason = NotFound
	case s.Reason == metav1.StatusReasonTimeout, s.Code == http.StatusGatewayTimeout:
		e.Reason = Timeout
	case s.Code == http.StatusTooManyRequests, s.Code == http.StatusServiceUnavailable, s.Code == http.StatusBadGateway:
		e.Reason, e.Message = Busy, "the cluster is busy or starting: "+e.Message
	case s.Code == http.StatusUnprocessableEntity, s.Code == http.StatusBadRequest:
		e.Reason, e.Message = Invalid, causes(s, e.Message)
	case strings.Contains(s.Message, typedPatch): // a 500, although the object is at fault
		_, e.Message, _ = strings.Cut(e.Message, typedPatch)
		if _, at, ok := strings.Cut(e.Message, "): "); ok {
			e.Message = at
		}
		e.Reason = Invalid
	case s.Code >= http.StatusInternalServerError:
		e.Message = fmt.Sprintf("the cluster answered with an internal error: %s", e.Message)
	}
	return e
}

// typedPatch begins the API server's message for an applied object that does not
// fit its schema.
const typedPatch = "failed to create typed patch object"

// causes returns the server's messages by field, or fallback without any.
func causes(s metav1.Status, fallback string) string {
	if s.Details == nil || len(s.Details.Causes) == 0 {
		return fallback
	}
	var parts []string
	for _, c := range s.Details.Causes {
		parts = append(parts, strings.TrimPrefix(c.Field+": "+withoutDump(c.Message), ": "))
	}
	return clean(strings.Join(parts, "; "))
}

// withoutDump reduces `Invalid value: {…}: reason` to the reason. A printed
// structure hides the reason and may hold private data.
func withoutDump(msg string) string {
	value, ok := strings.CutPrefix(msg, "Invalid value: ")
	if !ok || !strings.HasPrefix(value, "{") && !strings.HasPrefix(value, "[") {
		return msg
	}
	for _, end := range []string{"}: ", "]: "} {
		if i := strings.LastIndex(value, end); i >= 0 {
			return value[i+len(end):]
		}
	}
	return msg
}

const maxMessage = 500

// clean makes a server's text one line of about 500 characters at most.
func clean(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }), " ")
	if r := []rune(s); len(r) > maxMessage {
		return string(r[:maxMessage]) + "…"
	}
	return strings.ToValidUTF8(s, "�")
}
