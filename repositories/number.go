package repositories

import (
	"encoding/json"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// numberSubtype marks binary data that holds the digits of a number. It is the
// first of the subtypes that BSON leaves to applications.
const numberSubtype byte = 0x80

// storable returns v, a value of node data, with each json.Number as its digits.
// No numeric type of BSON keeps all of them: Decimal128 ends at 34.
func storable(v any) any {
	switch v := v.(type) {
	case json.Number:
		return bson.Binary{Subtype: numberSubtype, Data: []byte(v)}
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
