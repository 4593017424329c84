package repositories

import (
	"encoding/json"
	"math/big"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// storable returns v, a value of node data, with each json.Number as a
// Decimal128, which keeps 34 digits and how they were written. A number that
// does not fit is stored as its text, because the driver would round it.
func storable(v any) any {
	switch v := v.(type) {
	case json.Number:
		if d, err := bson.ParseDecimal128(v.String()); err == nil && literal(d) == v {
			return d
		}
		return v.String()
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = storable(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = storable(e)
		}
		return out
	}
	return v
}

// literal returns d in the notation that JSON has for it: all digits, and an
// exponent only where zeros would follow them.
func literal(d bson.Decimal128) json.Number {
	n, exp, err := d.BigInt()
	if err != nil || exp > 0 { // an infinity has no notation, and is never stored here
		return json.Number(d.String())
	}
	digits := new(big.Int).Abs(n).String()
	if exp < 0 {
		digits = strings.Repeat("0", max(0, 1-exp-len(digits))) + digits
		digits = digits[:len(digits)+exp] + "." + digits[len(digits)+exp:]
	}
	if strings.HasPrefix(d.String(), "-") {
		digits = "-" + digits
	}
	return json.Number(digits)
}
