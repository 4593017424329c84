package conformance

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"pgregory.net/rapid"
)

func TestListsLikeTheModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, listsLikeTheModel(t))
}

// listsLikeTheModel asks as pages with filters do: for some values of several
// fields. No document has an array, so that the indexes can give the order and
// the count.
func listsLikeTheModel(t testing.TB) func(*rapid.T) {
	p := newPair(t, listIndexes())
	return func(rt *rapid.T) {
		docs := []bson.D{}
		for i := range rapid.IntRange(15, 50).Draw(rt, "documents") {
			docs = append(docs, plainDocument(i).Draw(rt, "document"))
		}
		p.fill(rt, docs)
		for range 12 {
			l := listing().Draw(rt, "listing")
			p.queryLikeTheModel(rt, docs, l[0], l[1])
		}
	}
}

// few draws one of few values, so that documents have much in common.
func few() *rapid.Generator[any] {
	return rapid.SampledFrom([]any{int32(0), int32(0), int32(1), 1.0, int64(2), nil, "a", bson.D{{Key: "x", Value: int32(1)}}})
}

// plainDocument draws a document without arrays.
func plainDocument(id int) *rapid.Generator[bson.D] {
	return rapid.Custom(func(t *rapid.T) bson.D {
		d := bson.D{{Key: "_id", Value: int32(id)}}
		for _, name := range []string{"a", "b", "c"} {
			if rapid.IntRange(0, 4).Draw(t, "has "+name) > 0 {
				d = append(d, bson.E{Key: name, Value: few().Draw(t, name)})
			}
		}
		return d
	})
}

// listing draws a query as pages with filters send it, for some values of several
// fields, and a sort that may fit one of listKeys.
func listing() *rapid.Generator[[2]bson.D] {
	return rapid.Custom(func(t *rapid.T) [2]bson.D {
		key := rapid.SampledFrom(listKeys()).Draw(t, "key")
		q := bson.D{}
		for _, e := range key[:rapid.IntRange(1, len(key)-1).Draw(t, "conditions")] {
			form := rapid.SampledFrom([]string{"", "$gte", "$in", "$in", "$in"}).Draw(t, "form of "+e.Key)
			switch form {
			case "":
				q = append(q, bson.E{Key: e.Key, Value: few().Draw(t, "value of "+e.Key)})
			case "$gte":
				q = append(q, bson.E{Key: e.Key, Value: bson.D{{Key: form, Value: bounds().Draw(t, "least of "+e.Key)}}})
			default:
				values := bson.A(rapid.SliceOfN(few(), 0, 6).Draw(t, "values of "+e.Key))
				q = append(q, bson.E{Key: e.Key, Value: bson.D{{Key: form, Value: values}}})
			}
		}
		if rapid.IntRange(0, 3).Draw(t, "more") == 0 {
			more := bson.D{{Key: paths().Draw(t, "other"), Value: condition().Draw(t, "condition")}}
			q = bson.D{{Key: "$and", Value: bson.A{q, more}}}
		}
		if rapid.IntRange(0, 3).Draw(t, "any order") == 0 {
			return [2]bson.D{q, order().Draw(t, "order")}
		}
		by := bson.D{}
		direction := rapid.SampledFrom([]int{1, -1}).Draw(t, "direction")
		for _, e := range key {
			if e.Key == "_id" || rapid.Bool().Draw(t, "sort by "+e.Key) {
				by = append(by, bson.E{Key: e.Key, Value: e.Value.(int) * direction})
			}
		}
		return [2]bson.D{q, by}
	})
}

// listKeys are those of indexes that end in what pages are sorted by.
func listKeys() []bson.D {
	return []bson.D{
		{{Key: "a", Value: 1}, {Key: "b", Value: 1}, {Key: "c", Value: -1}, {Key: "_id", Value: -1}},
		{{Key: "a", Value: -1}, {Key: "c", Value: 1}, {Key: "_id", Value: 1}},
		{{Key: "b", Value: 1}, {Key: "_id", Value: 1}},
		{{Key: "b", Value: 1}, {Key: "a.x", Value: -1}, {Key: "a", Value: -1}, {Key: "_id", Value: -1}},
		{{Key: "c", Value: 1}, {Key: "b", Value: -1}, {Key: "_id", Value: -1}},
	}
}

func listIndexes() []mongo.IndexModel {
	var all []mongo.IndexModel
	for _, key := range listKeys() {
		all = append(all, mongo.IndexModel{Keys: key})
	}
	some := bson.D{{Key: "b", Value: bson.D{{Key: "$in", Value: bson.A{1, 2}}}}}
	return append(all, mongo.IndexModel{
		Keys:    bson.D{{Key: "c", Value: 1}, {Key: "a", Value: 1}, {Key: "_id", Value: -1}},
		Options: options.Index().SetPartialFilterExpression(some),
	})
}
