package conformance

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"pgregory.net/rapid"

	"github.com/kubeorch/core/database/dbtest"
)

// scalar draws few different values, so that queries find something.
func scalar() *rapid.Generator[any] {
	return rapid.OneOf(
		rapid.Int32Range(0, 3).AsAny(),
		rapid.Int32Range(0, 3).AsAny(),
		rapid.Map(rapid.IntRange(0, 6), func(n int) any { return float64(n) / 2 }),
		rapid.SampledFrom([]any{nil, "", "a", "ab", "b", true, false, bson.D{}, bson.D{{Key: "x", Value: 1}}, bson.DateTime(0)}),
	)
}

// comparable draws what a range may be bounded by.
func comparable() *rapid.Generator[any] {
	return rapid.OneOf(rapid.Int32Range(0, 3).AsAny(), rapid.SampledFrom([]any{1.5, math.NaN(), "", "a", bson.DateTime(0)}))
}

// fieldValue draws what a document may have in a field: also lists, and
// documents with the field x.
func fieldValue() *rapid.Generator[any] {
	sub := rapid.Map(scalar(), func(v any) any { return bson.D{{Key: "x", Value: v}} })
	element := rapid.OneOf(scalar(), sub)
	list := rapid.Map(rapid.SliceOfN(element, 0, 3), func(l []any) any { return bson.A(l) })
	return rapid.OneOf(scalar(), sub, list, list)
}

func document(id int) *rapid.Generator[bson.D] {
	return rapid.Custom(func(t *rapid.T) bson.D {
		d := bson.D{{Key: "_id", Value: id}}
		arrays := 0
		for _, name := range []string{"a", "b", "c"} {
			if !rapid.Bool().Draw(t, "has "+name) {
				continue
			}
			v := fieldValue().Draw(t, name)
			if _, isList := v.(bson.A); isList {
				if arrays++; arrays > 1 {
					continue // two lists cannot be in one index
				}
			}
			d = append(d, bson.E{Key: name, Value: v})
		}
		return d
	})
}

func paths() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"a", "a", "a.x", "b", "b.x", "c", "_id"})
}

func condition() *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		switch rapid.IntRange(0, 3).Draw(t, "form") {
		case 0:
			return scalar().Draw(t, "value")
		case 1:
			n := rapid.Int32Range(0, 3)
			return bson.D{{Key: "$gt", Value: n.Draw(t, "above")}, {Key: "$lte", Value: n.Draw(t, "up to")}}
		}
		ops := bson.D{}
		names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"$gt", "$gte", "$lt", "$lte", "$in", "$eq", "$ne", "$nin", "$exists", "$regex"}), 1, 2, rapid.ID[string]).Draw(t, "ops")
		for _, name := range names {
			var arg any
			switch name {
			case "$in", "$nin":
				arg = bson.A(rapid.SliceOfN(scalar(), 0, 3).Draw(t, "list"))
			case "$exists":
				arg = rapid.Bool().Draw(t, "there")
			case "$gt", "$gte", "$lt", "$lte":
				arg = comparable().Draw(t, "arg")
			case "$regex":
				arg = rapid.SampledFrom([]string{"", "^", "^a", "b", "^ab"}).Draw(t, "pattern")
			default:
				arg = scalar().Draw(t, "arg")
			}
			ops = append(ops, bson.E{Key: name, Value: arg})
		}
		return ops
	})
}

func query() *rapid.Generator[bson.D] {
	return rapid.Custom(func(t *rapid.T) bson.D {
		q := bson.D{}
		for _, p := range rapid.SliceOfNDistinct(paths(), 1, 2, rapid.ID[string]).Draw(t, "paths") {
			q = append(q, bson.E{Key: p, Value: condition().Draw(t, "condition of "+p)})
		}
		return q
	})
}

func order() *rapid.Generator[bson.D] {
	return rapid.Custom(func(t *rapid.T) bson.D {
		s := bson.D{}
		for _, p := range rapid.SliceOfNDistinct(paths(), 0, 2, rapid.ID[string]).Draw(t, "sort") {
			s = append(s, bson.E{Key: p, Value: rapid.SampledFrom([]int{1, -1}).Draw(t, "direction")})
		}
		return append(slices.DeleteFunc(s, func(e bson.E) bool { return e.Key == "_id" }), bson.E{Key: "_id", Value: 1})
	})
}

func planIndexes() []mongo.IndexModel {
	key := func(d bson.D) mongo.IndexModel { return mongo.IndexModel{Keys: d} }
	partial := options.Index().SetPartialFilterExpression(bson.D{{Key: "c", Value: bson.D{{Key: "$gte", Value: 1}}}})
	return []mongo.IndexModel{
		key(bson.D{{Key: "a", Value: 1}, {Key: "b", Value: -1}}),
		key(bson.D{{Key: "a.x", Value: -1}}),
		key(bson.D{{Key: "b", Value: -1}, {Key: "a", Value: -1}, {Key: "c", Value: 1}}),
		{Keys: bson.D{{Key: "b.x", Value: 1}, {Key: "c", Value: 1}}, Options: options.Index().SetPartialFilterExpression(bson.D{{Key: "b", Value: bson.D{{Key: "$exists", Value: true}}}})},
		{Keys: bson.D{{Key: "c", Value: 1}, {Key: "a", Value: 1}}, Options: partial},
		key(bson.D{{Key: "a", Value: -1}, {Key: "a.x", Value: 1}}),
	}
}

// TestIndexesDoNotChangeAnswers asks the same of two collections with the same
// documents, of which one has indexes.
func TestIndexesDoNotChangeAnswers(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t).Database()
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		plain, indexed := db.Collection(fmt.Sprint("plain", round)), db.Collection(fmt.Sprint("indexed", round))
		models := planIndexes()
		keep := rapid.IntRange(0, len(models)-1).Draw(rt, "first index")
		_, err := indexed.Indexes().CreateMany(t.Context(), models[keep:])
		require.NoError(rt, err)
		docs := []any{}
		for i := range rapid.IntRange(1, 12).Draw(rt, "documents") {
			docs = append(docs, document(i).Draw(rt, "document"))
		}
		for _, coll := range []*mongo.Collection{plain, indexed} {
			_, err := coll.InsertMany(t.Context(), docs)
			require.NoError(rt, err)
		}
		for range 20 {
			q, by := query().Draw(rt, "query"), order().Draw(rt, "order")
			o := options.Find().SetSort(by).SetBatchSize(rapid.Int32Range(1, 20).Draw(rt, "batch"))
			if rapid.Bool().Draw(rt, "page") {
				o.SetSkip(rapid.Int64Range(0, 2).Draw(rt, "skip")).SetLimit(rapid.Int64Range(0, 4).Draw(rt, "limit"))
			}
			require.Equal(rt, found(t, rt, plain, q, o), found(t, rt, indexed, q, o), "query %v by %v", q, by)
		}
	})
}

func found(t *testing.T, rt *rapid.T, coll *mongo.Collection, q any, o *options.FindOptionsBuilder) []string {
	cur, err := coll.Find(t.Context(), q, o)
	require.NoError(rt, err)
	var got []string
	for cur.Next(t.Context()) {
		got = append(got, cur.Current.String())
	}
	require.NoError(rt, cur.Err())
	return got
}
