package handlers

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// keys returns an object with n distinct keys.
func keys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"k%d":1`, i)
	}
	return "{" + strings.TrimPrefix(b.String(), ",") + "}"
}

func list(item string, n int) string {
	return "[" + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + "]"
}

// countingBody counts what is read of a body.
type countingBody struct {
	io.Reader

	read int
}

func (b *countingBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.read += n
	return n, err
}

func (*countingBody) Close() error { return nil }

// A shape is refused where it passes its bound, not when all of it is in memory.
func TestShapes(t *testing.T) {
	t.Parallel()
	const most = 10_000_000
	for name, tc := range map[string]struct {
		any  string
		want string // part of the message; empty when accepted
		read int    // at most
	}{
		"a ConfigMap of many keys":    {any: keys(maxKeys)},
		"one key more":                {any: keys(maxKeys + 1), want: "more than 10000 keys", read: 200_000},
		"900,000 keys":                {any: keys(900_000), want: "more than 10000 keys", read: 200_000},
		"many keys in many objects":   {any: list(keys(100), 1000)},
		"more of them":                {any: list(keys(100), 8000), want: "more than 200000 values", read: 2_100_000},
		"values at the bound":         {any: list("1", maxValues-2)},
		"one value more":              {any: list("1", maxValues-1), want: "more than 200000 values", read: 500_000},
		"ten megabytes of objects":    {any: list("{}", most/3), want: "more than 200000 values", read: 700_000},
		"a key at the bound":          {any: `{"` + strings.Repeat("k", maxKey-3) + `":1}`},
		"a long key":                  {any: `{"` + strings.Repeat("k", most) + `":1}`, want: "longer than", read: maxText + 40_000},
		"a key of a thousand letters": {any: `{"` + strings.Repeat("k", maxKey+1) + `":1}`, want: "a key longer than 1024 bytes", read: 10_000},
		"a text at the bound":         {any: `"` + strings.Repeat("t", maxText-3) + `"`},
		"a longer text":               {any: `"` + strings.Repeat("t", maxText) + `"`, want: "a text longer than 8388608 bytes", read: maxText + 40_000},
		"an endless text":             {any: `"` + strings.Repeat("t", most), want: "a text longer than 8388608 bytes", read: maxText + 40_000},
		"an endless number":           {any: strings.Repeat("1", most), want: "a text longer than 8388608 bytes", read: maxText + 40_000},
		"texts of nine megabytes":     {any: list(`"`+strings.Repeat("t", 1<<20)+`"`, 9)},
		"depth":                       {any: strings.Repeat("[", most), want: "nested deeper than 64", read: 10_000},
		"white space behind it":       {any: "1}" + strings.Repeat(" ", most), want: "longer than", read: maxText + 40_000},
		"something far behind it":     {any: "1}" + strings.Repeat(" ", 1<<20) + "x", want: "behind the JSON object", read: most},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := request("", "application/json")
			body := &countingBody{Reader: strings.NewReader(`{"any":` + tc.any + `}`)}
			c.Request.Body = body
			err := decode(c, &sample{})
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.Equal(t, models.Invalid, models.KindOf(err), "%v", err)
			require.Contains(t, models.MessageOf(err), tc.want)
			require.LessOrEqual(t, body.read, tc.read)
		})
	}
}

// reservingBody is a body within the bounds of a server.
type reservingBody struct {
	io.ReadCloser

	weight int64
	err    error
}

func (b *reservingBody) Reserve(weight int64) error {
	b.weight = weight
	return b.err
}

func reserving(body string, err error) (*gin.Context, *reservingBody) {
	c := request(body, "application/json")
	reserved := &reservingBody{ReadCloser: c.Request.Body, err: err}
	c.Request.Body = reserved
	return c, reserved
}

func TestDecodeReservesMemory(t *testing.T) {
	t.Parallel()
	busy := &models.Error{Kind: models.Unavailable, Msg: "busy"}
	c, _ := reserving(`{"name":"a"}`, busy)
	var v sample
	require.ErrorIs(t, decode(c, &v), busy)
	require.Empty(t, v.Name, "nothing is decoded without memory for it")

	c, reserved := reserving(` `, nil)
	require.NoError(t, decodeOptional(c, &v))
	require.Zero(t, reserved.weight)
	c, reserved = reserving(`null`, nil)
	require.NoError(t, decodeOptional(c, &v))
	require.Zero(t, reserved.weight)
}

// What is reserved covers the body, what it becomes, and its way to the database
// and back as JSON. It measures memory, which other tests would disturb.
func TestWeightOfABody(t *testing.T) {
	for name, data := range map[string]string{
		"empty objects":  list("{}", 25_000),
		"small objects":  list(`{"a":1}`, 15_000),
		"larger objects": list(keys(20), 2_000),
		"numbers":        list("1", 45_000),
		"fractions":      list("1.10", 45_000),
		"words":          list(`"word"`, 45_000),
		"lists":          list("[[]]", 22_000),
		"texts":          list(`"`+strings.Repeat("text ", 1000)+`"`, 500),
		"one long text":  `"` + strings.Repeat("t", 2_000_000) + `"`,
		"many keys":      keys(2_000),
	} {
		c, reserved := reserving(`{"nodes":[{"id":"a","data":{"x":`+data+`}}]}`, nil)
		var in struct {
			Nodes []models.Node `json:"nodes"`
		}
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		require.NoError(t, decode(c, &in), name)
		runtime.GC()
		runtime.ReadMemStats(&after)
		answer, err := json.Marshal(in)
		require.NoError(t, err)
		takes := int64(after.HeapAlloc) - int64(before.HeapAlloc) + 2*int64(len(answer))
		require.LessOrEqual(t, takes, reserved.weight, name)
	}
}

func TestBodyThatCannotBeRead(t *testing.T) {
	t.Parallel()
	tooSoon := models.TooSoon("middleware.body", "too many large bodies at once", 0)
	for name, tc := range map[string]struct {
		err  error
		kind models.Kind
		want string
	}{
		"a bound of the server": {tooSoon, models.TooMany, "too many large bodies"},
		"too large":             {&http.MaxBytesError{Limit: 50}, models.TooLarge, "50 bytes"},
		"a broken connection":   {io.ErrClosedPipe, models.Invalid, "could not be read completely"},
		"an early end":          {io.ErrUnexpectedEOF, models.Invalid, "ends before"},
	} {
		for _, begin := range []string{"", `{"name":"a`, `{"name":"a"}`} {
			c := request("", "application/json")
			c.Request.Body = &countingBody{Reader: io.MultiReader(strings.NewReader(begin), failingReader{tc.err})}
			err := decode(c, &sample{})
			require.Equal(t, tc.kind, models.KindOf(err), "%s after %q: %v", name, begin, err)
			require.Contains(t, models.MessageOf(err), tc.want, "%s after %q", name, begin)
		}
	}
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }
