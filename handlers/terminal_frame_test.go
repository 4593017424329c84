package handlers

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// frameOf reads one message and returns it with the input that it passes on.
func frameOf(message io.Reader) (m models.TerminalMessage, input string, pieces int, err error) {
	var got strings.Builder
	f := &terminalFrame{message: message, left: maxTerminalFrame, buf: bufio.NewReaderSize(nil, smallFrame), input: func(p []byte) error {
		pieces++
		got.Write(p)
		return nil
	}}
	m, err = f.read()
	return m, got.String(), pieces, errors.Join(err, f.broken)
}

func TestMessagesOfTerminals(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		message string
		want    models.TerminalMessage
		input   string
		wrong   bool
	}{
		"input":                {`{"type":"input","data":"ls\r"}`, models.TerminalMessage{Type: "input"}, "ls\r", false},
		"input without data":   {`{"type":"input"}`, models.TerminalMessage{Type: "input"}, "", false},
		"data first":           {`{"data":"é","type":"input"}`, models.TerminalMessage{Type: "input"}, "é", false},
		"more fields":          {`{"type":"input","data":"x","rows":0,"at":{"b":[1]}}`, models.TerminalMessage{Type: "input"}, "x", false},
		"a size":               {`{"type":"resize","data":"","rows":30,"cols":100}`, models.TerminalMessage{Type: "resize", Rows: 30, Cols: 100}, "", false},
		"a size that is none":  {`{"type":"resize","rows":null,"cols":null}`, models.TerminalMessage{Type: "resize"}, "", false},
		"another type":         {`{"type":"ping","data":{"n":1}}`, models.TerminalMessage{Type: "ping"}, "", false},
		"no type":              {`{}`, models.TerminalMessage{}, "", false},
		"data that is no text": {`{"type":"input","data":1}`, models.TerminalMessage{}, "", true},
		"rows that are text":   {`{"type":"resize","rows":"30","cols":100}`, models.TerminalMessage{}, "", true},
		"no object":            {`[1]`, models.TerminalMessage{}, "", true},
		"no JSON":              {`ls`, models.TerminalMessage{}, "", true},
		"nothing":              {``, models.TerminalMessage{}, "", true},
		"half of one":          {`{"type":"input","data":"l`, models.TerminalMessage{}, "", true},
		"two":                  {`{"type":"input","data":"l"}{"type":"input","data":"s"}`, models.TerminalMessage{}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, input, _, err := frameOf(strings.NewReader(tc.message))
			require.Equal(t, tc.wrong, err != nil, "%v", err)
			if err != nil {
				require.Equal(t, models.Invalid, models.KindOf(err))
				return
			}
			require.Equal(t, tc.want, m)
			require.Equal(t, tc.input, input)
		})
	}
}

// Large input passes in pieces, in which every character and every pair is whole.
func TestLargeMessagesOfTerminals(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", smallFrame)
	for name, tc := range map[string]struct {
		message string
		input   string
		wrong   string
	}{
		"plain":                   {`{"type":"input","data":"` + strings.Repeat("0123456789", 1<<18) + `"}`, strings.Repeat("0123456789", 1<<18), ""},
		"characters of 3 bytes":   {`{"type":"input","data":"` + strings.Repeat("世", 1<<18) + `"}`, strings.Repeat("世", 1<<18), ""},
		"escapes":                 {`{"type":"input","data":"` + strings.Repeat(`\r\"\\\/\u00e9`, 1<<16) + `"}`, strings.Repeat("\r\"\\/é", 1<<16), ""},
		"pairs":                   {`{"type":"input","data":"x` + strings.Repeat(`\ud83d\ude00`, 1<<16) + `"}`, "x" + strings.Repeat("😀", 1<<16), ""},
		"halves of pairs":         {`{"type":"input","data":"` + strings.Repeat(`\ud83d`, 1<<16) + `"}`, strings.Repeat("\ufffd", 1<<16), ""},
		"bytes that are no text":  {`{"type":"input","data":"` + long + "\xff\xfe" + `"}`, long + "\ufffd\ufffd", ""},
		"other fields":            {` { "rows" : -1.5e3 , "x":"y", "type" : "input" , "data" : "` + long + `" , "z" : null } `, long, ""},
		"data first":              {`{"data":"` + long + `","type":"input"}`, "", "must begin with its type"},
		"another type":            {`{"type":"output","data":"` + long + `"}`, "", "must begin with its type"},
		"a long other field":      {`{"type":"` + long + long + `"}`, "", "such a long field"},
		"an object within":        {`{"type":"input","x":{},"data":"` + long + `"}`, "", "well-formed"},
		"no end":                  {`{"type":"input","data":"` + long, long, "well-formed"},
		"an end in an escape":     {`{"type":"input","data":"` + long + `\u00`, long, "well-formed"},
		"an escape that is none":  {`{"type":"input","data":"` + long + `\x"}`, "", "well-formed"},
		"a control character":     {`{"type":"input","data":"` + long + "\n\"}", "", "well-formed"},
		"something after the end": {`{"type":"input","data":"` + long + `"}x`, long, "well-formed"},
		"no separator":            {`{"type":"input" "data":"` + long + `"}`, "", "well-formed"},
		"no object":               {`["` + long + `"]`, "", "well-formed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, input, pieces, err := frameOf(iotest.HalfReader(strings.NewReader(tc.message)))
			if tc.wrong != "" {
				require.Equal(t, models.Invalid, models.KindOf(err), "%v", err)
				require.Contains(t, models.MessageOf(err), tc.wrong)
				return
			}
			require.NoError(t, err)
			require.Empty(t, strings.TrimPrefix(input, tc.input)) // a difference is long to show
			require.Len(t, input, len(tc.input))
			require.GreaterOrEqual(t, pieces, len(input)/(2*pieceSize))
		})
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestMessagesOfTerminalsAreBounded(t *testing.T) {
	t.Parallel()
	f := &terminalFrame{
		message: io.MultiReader(strings.NewReader(`{"type":"input","data":"`), endless{}), left: 1 << 20,
		buf: bufio.NewReaderSize(nil, smallFrame), input: func([]byte) error { return nil },
	}
	_, err := f.read()
	require.Equal(t, models.Invalid, models.KindOf(err))
	require.Contains(t, models.MessageOf(err), "must not be larger than")

	broken := errors.New("the connection is broken")
	_, _, _, err = frameOf(io.MultiReader(strings.NewReader(`{"type":"input","data":"`), io.LimitReader(endless{}, 1<<20), iotest.ErrReader(broken)))
	require.ErrorIs(t, err, broken)
}

// What the reader of large messages accepts, encoding/json reads in the same way.
func FuzzLargeTerminalMessage(f *testing.F) {
	f.Add(`{"type":"input","data":"a\ud83d\ude00é"}`)
	f.Add(`{"type":"input","rows":1,"data":"\\\"","x":"y"}`)
	f.Add(`{"type":"input","data":"\ud83d\ud83d"}`)
	f.Fuzz(func(t *testing.T, message string) {
		var got strings.Builder
		frame := &terminalFrame{message: strings.NewReader(message), left: maxTerminalFrame, input: func(p []byte) error {
			got.Write(p)
			return nil
		}}
		frame.buf = bufio.NewReaderSize(frame, 16)
		if _, err := frame.large(); err != nil || strings.Count(message, "data") != 1 || strings.Count(message, "type") != 1 {
			return
		}
		var want struct {
			Data string `json:"data"`
		}
		if json.Unmarshal([]byte(message), &want) == nil {
			require.Equal(t, want.Data, got.String())
		}
	})
}

func BenchmarkPaste(b *testing.B) {
	message := `{"type":"input","data":"` + strings.Repeat(`a line of what is pasted, grüße\r\n`, 30_000) + `"}`
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, _, err := frameOf(strings.NewReader(message)); err != nil {
			b.Fatal(err)
		}
	}
}
