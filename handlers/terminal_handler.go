package handlers

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// OpenTerminal opens a terminal of a user in the pod with the record id. What is wrong
// before that is an error; then accept is called, whose error is returned, and the
// terminal goes on after the function has returned.
type OpenTerminal func(ctx context.Context, userID, id string, req models.TerminalRequest, accept func() (*TerminalSocket, error)) error

// Terminal serves shells in containers.
type Terminal struct{ open OpenTerminal }

// NewTerminal returns a handler that opens terminals with open.
func NewTerminal(open OpenTerminal) *Terminal { return &Terminal{open} }

// errAnswered says that the request has been answered already.
var errAnswered = errors.New("answered")

// Open answers GET /resources/:id/exec/terminal, which is a WebSocket.
func (h *Terminal) Open(c *gin.Context) error {
	const op = "handlers.Terminal.Open"
	if !wantsWebSocket(c.Request) {
		return &models.Error{Op: op, Kind: models.Invalid, Msg: "this is a WebSocket: send the headers of its handshake"}
	}
	id := c.Param("id")
	if !models.ValidID(id) {
		return &models.Error{Op: op, Kind: models.NotFound, Msg: "resource not found"}
	}
	req := models.TerminalRequest{Shell: c.Query("shell"), Container: c.Query("container"), Image: c.Query("image")}
	if text := c.Query("debug"); text != "" {
		var err error
		if req.Debug, err = strconv.ParseBool(text); err != nil {
			var p models.Problems
			p.Addf("debug", "must be true or false")
			return p.Err(op)
		}
	}
	err := h.open(c.Request.Context(), caller(c).UserID, id, req, func() (*TerminalSocket, error) { return acceptTerminal(c) })
	if errors.Is(err, errAnswered) {
		return nil
	}
	return err
}

// wantsWebSocket reports whether r asks for a WebSocket. What else may be wrong with
// a handshake is answered by acceptTerminal.
func wantsWebSocket(r *http.Request) bool {
	return names(r.Header, "Connection", "upgrade") && names(r.Header, "Upgrade", "websocket")
}

// names reports whether one of the tokens in a header is token.
func names(h http.Header, key, token string) bool {
	for _, line := range h.Values(key) {
		for one := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(one), token) {
				return true
			}
		}
	}
	return false
}
