package handlers

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

type sample struct {
	Name   string               `json:"name"`
	Count  int                  `json:"count"`
	Nested struct{ A []string } `json:"nested"`
	Any    any                  `json:"any"`
	Secret models.Secret        `json:"secret"`
	Node   models.Node          `json:"node"`
	Typed  struct {
		Values map[string]models.Secret `json:"values"`
	} `json:"typed"`
}

func request(body, contentType string) *gin.Context {
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	c.Request = httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	if contentType != "" {
		c.Request.Header.Set("Content-Type", contentType)
	}
	return c
}

func TestDecode(t *testing.T) {
	t.Parallel()
	const deep = 10_000
	for name, tc := range map[string]struct {
		body, contentType string
		want              string // part of the message; empty when accepted
	}{
		"plain":                        {body: `{"name":"a","count":2}`},
		"white space around":           {body: " \n{\"name\":\"a\"}\n "},
		"charset given":                {body: `{}`, contentType: "application/json; charset=UTF-8"},
		"structured suffix":            {body: `{}`, contentType: "application/merge-patch+json"},
		"unknown fields are ignored":   {body: `{"confirmPassword":"x","name":"a"}`},
		"null is absent":               {body: `{"name":null,"count":null}`},
		"empty":                        {body: "  ", want: "the body is empty"},
		"no content type":              {body: `{}`, contentType: "none", want: "Content-Type: application/json"},
		"a form":                       {body: `{}`, contentType: "application/x-www-form-urlencoded", want: "Content-Type"},
		"another charset":              {body: `{}`, contentType: "application/json; charset=utf-16", want: "Content-Type"},
		"a list":                       {body: `[]`, want: "must be a JSON object"},
		"null":                         {body: `null`, want: "must be a JSON object"},
		"cut off":                      {body: `{"name":"a"`, want: "ends before its JSON does"},
		"trailing object":              {body: `{} {}`, want: "behind the JSON object"},
		"trailing garbage":             {body: `{}x`, want: "behind the JSON object"},
		"duplicate key":                {body: `{"name":"a","name":"b"}`, want: "duplicate"},
		"duplicate key, nested":        {body: `{"any":{"k":1,"k":2}}`, want: `/any`},
		"invalid UTF-8":                {body: "{\"name\":\"\xff\"}", want: "UTF-8"},
		"half a surrogate":             {body: `{"name":"\ud800"}`, want: "surrogate"},
		"wrong type names the field":   {body: `{"name":7}`, want: "field name must not be of type number"},
		"wrong type, nested":           {body: `{"nested":{"A":"x"}}`, want: "field nested.A must not be of type string"},
		"fraction for a whole number":  {body: `{"count":1.5}`, want: "field count must not be of type number"},
		"wrong type of a secret":       {body: `{"secret":7}`, want: "field secret must not be of type number"},
		"wrong type among secrets":     {body: `{"typed":{"values":{"PASSWORD":[7]}}}`, want: "field typed.values must not be of type array"},
		"wrong type of data":           {body: `{"node":{"data":[]}}`, want: "field node.data must not be of type array"},
		"depth at the limit":           {body: `{"any":` + nest(maxDepth-1) + `}`},
		"depth above the limit":        {body: `{"any":` + nest(maxDepth) + `}`, want: "nested deeper than 64"},
		"absurd depth":                 {body: `{"any":` + nest(deep) + `}`, want: "nested deeper than 64"},
		"absurd depth in unread field": {body: `{"zzz":` + nest(deep) + `}`, want: "nested deeper than 64"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			contentType := tc.contentType
			switch contentType {
			case "":
				contentType = "application/json"
			case "none":
				contentType = ""
			}
			var v sample
			err := decode(request(tc.body, contentType), &v)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.Equal(t, models.Invalid, models.KindOf(err))
			require.Contains(t, models.MessageOf(err), tc.want)
		})
	}
}

// A value of the wrong type may be a secret that was sent in the wrong place.
func TestDecodeNeverRepeatsValues(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"secret":7000123}`,
		`{"secret":["x7000123"]}`,
		`{"typed":{"values":{"PASSWORD":{"x":"7000123"}}}}`,
		`{"typed":{"values":"7000123"}}`,
		`{"node":{"data":"7000123"}}`,
	} {
		err := decode(request(body, "application/json"), &sample{})
		require.Equal(t, models.Invalid, models.KindOf(err), body)
		require.NotContains(t, err.Error(), "7000123", body)
	}
}

func nest(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func TestDecodeOptional(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body string
		want string
		fail bool
	}{
		"no body":    {body: "", want: "before"},
		"null":       {body: "null", want: "before"},
		"an object":  {body: `{"name":"after"}`, want: "after"},
		"not JSON":   {body: `name`, fail: true},
		"not closed": {body: `{`, fail: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := sample{Name: "before"}
			err := decodeOptional(request(tc.body, "application/json"), &v)
			if tc.fail {
				require.Equal(t, models.Invalid, models.KindOf(err))
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, v.Name)
		})
	}
}

func TestDecodeLimit(t *testing.T) {
	t.Parallel()
	c := request(`{"name":"`+strings.Repeat("a", 100)+`"}`, "application/json")
	c.Request.Body = http.MaxBytesReader(nil, c.Request.Body, 50)
	err := decode(c, &sample{})
	require.Equal(t, models.TooLarge, models.KindOf(err))
	require.Contains(t, models.MessageOf(err), "50 bytes")
}

// Ten megabytes of opening brackets are refused at the depth limit.
func TestDecodeRefusesDepthEarly(t *testing.T) {
	t.Parallel()
	c := request(`{"a":`+strings.Repeat("[", 10<<20), "application/json")
	start := time.Now()
	require.Error(t, decode(c, &sample{}))
	require.Less(t, time.Since(start), 2*time.Second)
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{}`, `{"name":"a","count":1e3}`, `{"any":{"a":[null,true]}}`, `{"a":1,"a":2}`, `[`, "\xff", `{"x":"\ud800"}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var v sample
		err := decode(request(body, "application/json"), &v)
		if err != nil {
			require.Equal(t, models.Invalid, models.KindOf(err))
			require.NotEmpty(t, models.MessageOf(err))
			return
		}
		require.True(t, json.Valid([]byte(body)), "accepted what is no JSON")
	})
}
