// Package handlers reads requests, calls one service and writes the answer.
package handlers

import (
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// Func is a handler. When it returns an error it has written nothing, and
// Handle writes the answer.
type Func func(c *gin.Context) error

// statusOf is the whole mapping from domain failures to HTTP.
func statusOf(k models.Kind) int {
	switch k {
	case models.Invalid:
		return http.StatusBadRequest
	case models.Unauthenticated:
		return http.StatusUnauthorized
	case models.Forbidden:
		return http.StatusForbidden
	case models.NotFound:
		return http.StatusNotFound
	case models.Conflict:
		return http.StatusConflict
	case models.Mismatch:
		return http.StatusUnprocessableEntity
	case models.TooLarge:
		return http.StatusRequestEntityTooLarge
	case models.TooMany:
		return http.StatusTooManyRequests
	case models.InsufficientStorage:
		return http.StatusInsufficientStorage
	case models.Unavailable:
		return http.StatusServiceUnavailable
	default: // Internal, and Failed: clients expect this status of a failed run
		return http.StatusInternalServerError
	}
}

// Handle adapts f to gin. It alone logs failures and writes error bodies.
func Handle(log *slog.Logger, f Func) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := f(c); err != nil {
			Fail(c, log, err)
		}
	}
}

// Fail ends the request with err's status and body. Internal text is logged
// and never sent.
func Fail(c *gin.Context, log *slog.Logger, err error) {
	kind := models.KindOf(err)
	if kind == models.Internal {
		log.ErrorContext(c.Request.Context(), "request failed", "route", c.FullPath(), "err", err)
	}
	if e, ok := errors.AsType[*models.Error](err); ok && e.RetryAfter > 0 {
		c.Header("Retry-After", strconv.Itoa(e.RetrySeconds()))
	}
	c.AbortWithStatusJSON(statusOf(kind), errorBody(err))
}

// body is the form of every error answer. Some clients read error and others
// message, so both hold the same text.
type body struct {
	Error    string          `json:"error"`
	Message  string          `json:"message"`
	Problems models.Problems `json:"problems,omitempty"`
	Details  any             `json:"details,omitempty"`

	*models.FixFailure // of a fix only
}

func errorBody(err error) body {
	b := body{Error: models.MessageOf(err), Message: models.MessageOf(err)}
	if e, ok := errors.AsType[*models.Error](err); ok {
		b.Problems, b.Details = e.Problems, e.Extra
		if f, ok := e.Extra.(models.FixFailure); ok {
			b.FixFailure, b.Details = &f, nil
		}
	}
	return b
}

// MethodNotAllowed answers a request for a path that exists with another
// method. The router has set the Allow header.
func MethodNotAllowed(c *gin.Context) {
	const msg = "this path does not answer that method"
	c.AbortWithStatusJSON(http.StatusMethodNotAllowed, body{Error: msg, Message: msg})
}

// writeJSON answers 200 with a body that is JSON already. With a known length it is
// not chunked.
func writeJSON(c *gin.Context, body []byte) {
	c.Header("Content-Length", strconv.Itoa(len(body)))
	c.Data(http.StatusOK, gin.MIMEJSON+"; charset=utf-8", body)
}

// caller returns who sent the request. On public routes it is the zero Identity.
func caller(c *gin.Context) models.Identity {
	id, _ := models.IdentityFrom(c.Request.Context())
	return id
}

// queryInt returns the whole number at key, or def when it is absent or not
// between 1 and highest.
func queryInt(c *gin.Context, key string, def, highest int) int {
	n, err := strconv.Atoi(c.Query(key))
	if err != nil || n < 1 || n > highest {
		return def
	}
	return n
}
