package handlers

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/coder/websocket"
	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

const (
	// maxTerminalFrame is the most bytes of one message: browsers send what is pasted
	// as one. It passes through a terminal in small pieces.
	maxTerminalFrame = 64 << 20
	// smallFrame is how much of a message is held in memory.
	smallFrame = 16 << 10
)

// TerminalSocket is the WebSocket of a terminal. Its methods may be called at the same
// time, each of them once.
type TerminalSocket struct {
	conn *websocket.Conn
	ctx  context.Context //nolint:containedctx // that of the request, for reading: to end it would close the connection
	buf  *bufio.Reader
}

// acceptTerminal upgrades the connection of c. After an error, which is errAnswered,
// the request has been answered.
func acceptTerminal(c *gin.Context) (*TerminalSocket, error) {
	conn, err := websocket.Accept(c.Writer, c.Request, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // middleware.CheckOrigin has checked the origin
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAnswered, err)
	}
	conn.SetReadLimit(-1) // the library's own closes the connection without a word to the client
	return &TerminalSocket{
		conn: conn, ctx: context.WithoutCancel(c.Request.Context()), buf: bufio.NewReaderSize(nil, smallFrame),
	}, nil
}

// Receive waits for the next message and returns it without the data of input, which
// it passes on to input in pieces. A malformed message is an error of kind Invalid; any
// other error is one of input, or says that the client has left.
func (s *TerminalSocket) Receive(input func([]byte) error) (models.TerminalMessage, error) {
	typ, r, err := s.conn.Reader(s.ctx)
	if err != nil {
		return models.TerminalMessage{}, err
	}
	if typ != websocket.MessageText {
		return models.TerminalMessage{}, badFrame("must be text")
	}
	frame := &terminalFrame{message: r, left: maxTerminalFrame, buf: s.buf, input: input}
	m, err := frame.read()
	if frame.broken != nil {
		return m, frame.broken
	}
	return m, err
}

// Send writes a message. When ctx ends before, the connection is closed.
func (s *TerminalSocket) Send(ctx context.Context, m models.TerminalMessage) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return s.conn.Write(ctx, websocket.MessageText, body)
}

// Ping waits for the client's answer to a ping, which Receive reads.
func (s *TerminalSocket) Ping(ctx context.Context) error { return s.conn.Ping(ctx) }

// Close closes the connection. The client has some seconds to agree.
func (s *TerminalSocket) Close() {
	_ = s.conn.Close(websocket.StatusNormalClosure, "") // a client that has left need not agree
}

func badFrame(format string, args ...any) error {
	return &models.Error{Op: "handlers.TerminalSocket", Kind: models.Invalid, Msg: "a message of the terminal " + fmt.Sprintf(format, args...)}
}

// terminalFrame is one message of a client. Only input may be larger than smallFrame.
type terminalFrame struct {
	message io.Reader
	left    int64 // bytes that it may still have
	broken  error // of the connection
	buf     *bufio.Reader
	input   func([]byte) error
	piece   []byte // of a large input: JSON that is not decoded yet
}

// Read reads the message within its bounds.
func (f *terminalFrame) Read(p []byte) (int, error) {
	if f.left <= 0 {
		return 0, badFrame("must not be larger than %d bytes", maxTerminalFrame)
	}
	n, err := f.message.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // the library wraps other ends of reading, and this one never
		f.broken = err
	}
	f.left -= int64(n)
	return n, err
}

// read returns the message.
func (f *terminalFrame) read() (models.TerminalMessage, error) {
	f.buf.Reset(f)
	all, err := f.buf.Peek(smallFrame)
	if err == nil {
		return f.large()
	}
	if err != io.EOF { //nolint:errorlint // see Read
		return models.TerminalMessage{}, err
	}
	m := models.TerminalMessage{}
	if json.Unmarshal(all, &m) == nil {
		if m.Type == models.TerminalInput && m.Data != "" {
			return models.TerminalMessage{Type: m.Type}, f.input([]byte(m.Data))
		}
		return m, nil
	}
	// Messages of unknown types mean nothing, whatever is in them.
	var other struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(all, &other) != nil || other.Type == models.TerminalInput || other.Type == models.TerminalResize {
		return m, badFrame(`must be JSON such as {"type":"input","data":"ls\r"} or {"type":"resize","rows":24,"cols":80}`)
	}
	return models.TerminalMessage{Type: other.Type}, nil
}
