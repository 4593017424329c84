package bsonval

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"pgregory.net/rapid"
)

func valueOf(t testing.TB, v any) Value {
	t.Helper()
	raw, err := bson.Marshal(bson.D{{Key: "v", Value: v}})
	require.NoError(t, err)
	val, ok := Lookup(raw, "v")
	require.True(t, ok)
	return val
}

// ascending lists groups of equal values in the order in which MongoDB sorts
// them.
func ascending(t testing.TB) [][]any {
	return [][]any{
		{bson.Undefined{}}, // the place of an empty array
		{nil},
		{math.NaN()},
		{math.Inf(-1)},
		{-math.MaxFloat64},
		{int64(math.MinInt64), float64(math.MinInt64)},
		{int64(math.MinInt64) + 1},
		{int64(-1<<53) - 1},
		{int64(-1 << 53), float64(-1 << 53)},
		{-1.5},
		{int32(-1), int64(-1), -1.0},
		{-math.SmallestNonzeroFloat64},
		{int32(0), int64(0), 0.0, math.Copysign(0, -1)},
		{math.SmallestNonzeroFloat64},
		{0.1},
		{int32(1), 1.0},
		{int64(1 << 53), float64(1 << 53)},
		{int64(1<<53) + 1},
		{float64(1<<53 + 2), int64(1<<53) + 2},
		{int64(math.MaxInt64) - 1},
		{int64(math.MaxInt64)},
		{float64(1 << 63)},
		{math.MaxFloat64},
		{math.Inf(1)},
		{""}, {"\x00"}, {"\x00a"}, {"\x01"}, {"a"}, {"a\x00"}, {"a\x00b"}, {"ab"}, {"b"}, {"é"}, {"\xff"},
		{bson.D{}},
		{bson.D{{Key: "a", Value: 1}}, bson.D{{Key: "a", Value: 1.0}}},
		{bson.D{{Key: "a", Value: 1}, {Key: "b", Value: 0}}},
		{bson.D{{Key: "a", Value: 2}}},
		{bson.D{{Key: "b", Value: 0}}},
		{bson.D{{Key: "a", Value: ""}}}, // the type of the first value counts before its name
		{bson.D{{Key: "a", Value: bson.D{}}}},
		{bson.A{}}, {bson.A{1}}, {bson.A{1, 2}}, {bson.A{2}}, {bson.A{"a"}}, {bson.A{bson.A{}}},
		{bson.Binary{}}, {bson.Binary{Data: []byte{9}}}, {bson.Binary{Subtype: 0x80, Data: []byte{1}}}, {bson.Binary{Data: []byte{1, 2}}},
		{bson.ObjectID{}}, {bson.ObjectID{1}},
		{false}, {true},
		{bson.DateTime(math.MinInt64)}, {bson.DateTime(-1)}, {bson.DateTime(0)}, {bson.DateTime(math.MaxInt64)},
	}
}

// requireAgree checks that Compare and both key orders say the same of a and b.
func requireAgree(t require.TestingT, a, b Value, want int) {
	require.Equal(t, want, Compare(a, b), "Compare(%s, %s)", a, b)
	require.Equal(t, want, bytes.Compare(AppendKey(nil, a), AppendKey(nil, b)), "keys of %s and %s", a, b)
	require.Equal(t, -want, bytes.Compare(AppendKeyDesc(nil, a), AppendKeyDesc(nil, b)), "descending keys of %s and %s", a, b)
}

func TestKeyOrderIsComparisonOrder(t *testing.T) {
	t.Parallel()
	groups := ascending(t)
	for i, ga := range groups {
		for j, gb := range groups {
			for _, a := range ga {
				for _, b := range gb {
					want := bytes.Compare([]byte{byte(i)}, []byte{byte(j)})
					requireAgree(t, valueOf(t, a), valueOf(t, b), want)
				}
			}
		}
	}
}

func TestNoKeyBeginsAnother(t *testing.T) {
	t.Parallel()
	var keys [][]byte
	for _, g := range ascending(t) {
		for _, v := range g {
			keys = append(keys, AppendKey(nil, valueOf(t, v)))
		}
	}
	for _, a := range keys {
		for _, b := range keys {
			require.False(t, len(a) < len(b) && bytes.HasPrefix(b, a), "%x begins %x", a, b)
		}
	}
}

// anyValue draws values that are close to each other often enough to be equal,
// or to differ in the last place only.
func anyValue(depth int) *rapid.Generator[any] {
	gens := []*rapid.Generator[any]{
		rapid.Just[any](nil),
		rapid.Bool().AsAny(),
		rapid.Int32().AsAny(),
		rapid.Int64().AsAny(),
		rapid.Int64Range(1<<53-3, 1<<53+3).AsAny(),
		rapid.Float64().AsAny(),
		rapid.Map(rapid.Int64(), func(n int64) any { return float64(n) }),
		rapid.Map(rapid.Int16(), func(n int16) any { return float64(n) / 4 }),
		rapid.StringOf(rapid.RuneFrom([]rune("ab\x00\x01é"))).AsAny(),
		rapid.Map(rapid.Int64(), func(n int64) any { return bson.DateTime(n) }),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 3), func(b []byte) any { return bson.Binary{Data: b} }),
	}
	if depth > 0 {
		inner := anyValue(depth - 1)
		gens = append(gens,
			rapid.Map(rapid.SliceOfN(inner, 0, 3), func(l []any) any { return bson.A(l) }),
			rapid.Map(rapid.SliceOfN(inner, 0, 2), func(l []any) any {
				d := bson.D{}
				for i, v := range l {
					d = append(d, bson.E{Key: string(rune('a' + i%2)), Value: v})
				}
				return d
			}))
	}
	return rapid.OneOf(gens...)
}

func TestKeyOrderProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		a, b := valueOf(t, anyValue(2).Draw(rt, "a")), valueOf(t, anyValue(2).Draw(rt, "b"))
		requireAgree(rt, a, b, Compare(a, b))
		require.Equal(rt, -Compare(a, b), Compare(b, a))
	})
}

// FuzzKeyOrder reads two documents and compares the order of their keys with
// the order of the documents.
func FuzzKeyOrder(f *testing.F) {
	for _, g := range ascending(f) {
		for _, v := range g {
			raw, err := bson.Marshal(bson.D{{Key: "k", Value: v}})
			require.NoError(f, err)
			other, err := bson.Marshal(bson.D{{Key: "k", Value: 1}, {Key: "l", Value: v}})
			require.NoError(f, err)
			f.Add(raw, other)
		}
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if Validate(a) != nil || Validate(b) != nil {
			t.Skip("no documents")
		}
		requireAgree(t, Doc(a), Doc(b), Compare(Doc(a), Doc(b)))
	})
}

func TestUnsupportedTypesAreNamed(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]any{
		"decimal": bson.Decimal128{}, "regex": bson.Regex{Pattern: "a"}, "timestamp": bson.Timestamp{T: 1}, "undefined": bson.Undefined{},
		"min key": bson.MinKey{}, "max key": bson.MaxKey{}, "symbol": bson.Symbol("a"), "javascript": bson.JavaScript("a"),
		"code with scope": bson.CodeWithScope{Code: "a", Scope: bson.D{}}, "dbPointer": bson.DBPointer{DB: "a"},
	} {
		raw, err := bson.Marshal(bson.D{{Key: "list", Value: bson.A{1, bson.D{{Key: "odd", Value: v}}}}})
		require.NoError(t, err)
		var unsupported *UnsupportedTypeError
		require.ErrorAs(t, Validate(raw), &unsupported, want)
		require.Equal(t, "odd", unsupported.Field)
		require.Contains(t, unsupported.Error(), "a "+want)
	}
}

// BenchmarkLookup looks for the last field of a document.
func BenchmarkLookup(b *testing.B) {
	doc, err := bson.Marshal(bson.D{
		{Key: "_id", Value: "0123456789"}, {Key: "cluster_id", Value: "0123456789"}, {Key: "kind", Value: "Pod"}, {Key: "n", Value: 1},
		{Key: "at", Value: bson.DateTime(5)}, {Key: "spec", Value: bson.M{"a": 1}}, {Key: "ok", Value: true}, {Key: "name", Value: "web"},
	})
	require.NoError(b, err)
	for b.Loop() {
		if _, ok := Lookup(doc, "name"); !ok {
			b.Fatal("not found")
		}
	}
}
