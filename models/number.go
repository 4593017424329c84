package models

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// Number returns n as int64 or float64 where that is written with the same
// digits, else n itself.
func Number(n json.Number) any {
	if i, err := strconv.ParseInt(n.String(), 10, 64); err == nil && strconv.FormatInt(i, 10) == n.String() {
		return i
	}
	f, ok := Float(n)
	if ok && (strconv.FormatFloat(f, 'f', -1, 64) == n.String() || strings.ContainsAny(n.String(), "eE")) {
		return f
	}
	return n
}

// Int converts a value of Data to a whole number. ok is false for anything
// else, and for a float64 that is too large to be exact.
func Int(v any) (n int64, ok bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case int32:
		return int64(v), true
	case int:
		return int64(v), true
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v), true
		}
	case json.Number:
		whole, fraction, _ := strings.Cut(v.String(), ".")
		i, err := strconv.ParseInt(whole, 10, 64)
		return i, err == nil && strings.Trim(fraction, "0") == ""
	case string:
		i, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		return i, err == nil
	}
	return 0, false
}

// Float returns the float64 of n. ok is false when it is another number than
// n: when n has more digits than a float64 keeps, or is too large or small.
func Float(n json.Number) (f float64, ok bool) {
	f, err := n.Float64()
	return f, err == nil && digits(strconv.FormatFloat(f, 'e', -1, 64)) == digits(n.String())
}

// digits returns the significant digits of a number, without its magnitude.
func digits(number string) string {
	mantissa, _, _ := strings.Cut(strings.ToLower(number), "e")
	return strings.Trim(strings.Replace(strings.TrimLeft(mantissa, "+-"), ".", "", 1), "0")
}
