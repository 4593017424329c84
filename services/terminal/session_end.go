package terminal

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/kubeorch/core/models"
)

// goodbyeTime bounds the last messages.
const goodbyeTime = 5 * time.Second

// ending is a regular end of a terminal, in a text for people.
type ending struct{ text string }

// Error returns the text.
func (e ending) Error() string { return e.text }

// errClientLeft ends a terminal whose client is not there any more.
var errClientLeft = errors.New("the client has left")

// sayGoodbye tells the client why the terminal ends.
func (t *session) sayGoodbye(ctx context.Context, cause error) {
	if errors.Is(cause, errClientLeft) {
		return
	}
	text, regular := t.reason(ctx, cause)
	if !regular {
		_ = t.send(ctx, goodbyeTime, models.TerminalMessage{Type: models.TerminalError, Data: text})
	}
	_ = t.send(ctx, goodbyeTime, models.TerminalMessage{Type: models.TerminalClose, Data: text}) // a client that has left needs none
}

// reason returns why the terminal ends, and whether that is nobody's fault.
func (t *session) reason(ctx context.Context, cause error) (text string, regular bool) {
	if e, ok := errors.AsType[ending](cause); ok {
		return e.text, true
	}
	if errors.Is(cause, errClientLeft) {
		return errClientLeft.Error(), true
	}
	if models.MessageOf(cause) == models.MessageOf(nil) {
		t.deps.Log.ErrorContext(ctx, "a terminal failed", "resource", t.resource.ID, "err", cause)
	}
	return models.MessageOf(cause), false
}

// note adds what the terminal is about to the audit entry of its request.
func (t *session) note(ctx context.Context) {
	for key, value := range t.details() {
		models.NoteForAudit(ctx, key, value)
	}
}

func (t *session) details() map[string]string {
	d := map[string]string{
		"cluster": t.resource.ClusterName, "namespace": t.resource.Namespace, "pod": t.resource.Name, "container": t.container,
	}
	if t.debug != nil {
		d["debugImage"] = t.debug.Image
	}
	return d
}

// recordEnd records how the terminal ended.
func (t *session) recordEnd(ctx context.Context, cause error, took time.Duration) {
	text, regular := t.reason(ctx, cause)
	e := models.AuditEntry{
		ActorID: t.userID, Action: "terminal.end", Outcome: models.AuditSuccess,
		Target: map[string]string{"id": t.resource.ID}, Details: t.details(),
	}
	if !regular {
		e.Outcome = models.AuditFailed
	}
	e.Details["reason"], e.Details["duration"] = text, took.Round(time.Second).String()
	t.deps.Audit.Record(ctx, e)
}

// inWords writes whole hours and minutes without zeros.
func inWords(d time.Duration) string {
	text := strings.TrimSuffix(d.String(), "m0s")
	if text == d.String() {
		return text
	}
	if hours, whole := strings.CutSuffix(text, "h0"); whole {
		return hours + "h"
	}
	return text + "m"
}
