package models

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNumbersKeepTheirDigits(t *testing.T) {
	t.Parallel()
	for literal, want := range map[string]any{
		"0":                          int64(0),
		"-7":                         int64(-7),
		"9007199254740993":           int64(9007199254740993),
		"9223372036854775807":        int64(9223372036854775807),
		"9223372036854775808":        json.Number("9223372036854775808"),
		"123456789012345678901234":   json.Number("123456789012345678901234"),
		"1.5":                        1.5,
		"1.10":                       json.Number("1.10"),
		"80.0":                       json.Number("80.0"),
		"0.1":                        0.1,
		"3.14159265358979323846":     json.Number("3.14159265358979323846"),
		"1e3":                        float64(1000),
		"1.0E-2":                     0.01,
		"12345678901234567890e1":     json.Number("12345678901234567890e1"),
		"1e400":                      json.Number("1e400"),
		"1e-400":                     json.Number("1e-400"),
		"9007199254740993.000000001": json.Number("9007199254740993.000000001"),
	} {
		var d Data
		require.NoError(t, json.Unmarshal([]byte(`{"a": {"b": [`+literal+`]}}`), &d), literal)
		got := d.Map("a").List("b")[0]
		require.Equal(t, want, got, literal)
		back, err := json.Marshal(got)
		require.NoError(t, err)
		if _, exact := want.(json.Number); exact {
			require.Equal(t, literal, string(back))
		}
	}
}

func TestInt(t *testing.T) {
	t.Parallel()
	for _, v := range []any{int64(80), int32(80), 80, float64(80), json.Number("80.0"), json.Number("80"), " 80 "} {
		n, ok := Int(v)
		require.True(t, ok && n == 80, "%T", v)
	}
	for _, v := range []any{nil, true, 1.5, float64(1 << 53), json.Number("80.01"), json.Number("9223372036854775808"), json.Number("8e1"), "80.0", ""} {
		_, ok := Int(v)
		require.False(t, ok, "%T %v", v, v)
	}
}

func TestFloat(t *testing.T) {
	t.Parallel()
	for text, want := range map[json.Number]bool{
		"1.10": true, "0": true, "-0.50": true, "1e3": true, "9007199254740992": true,
		"9007199254740993": false, "0.12345678901234567890": false, "1e400": false, "1e-400": false, "x": false, "": false,
	} {
		_, ok := Float(text)
		require.Equal(t, want, ok, text)
	}
}
