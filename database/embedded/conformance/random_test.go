package conformance

import (
	"math"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"pgregory.net/rapid"
)

// scalar draws few different values, so that queries find something.
func scalar() *rapid.Generator[any] {
	return rapid.OneOf(
		rapid.Int32Range(0, 3).AsAny(),
		rapid.Int32Range(0, 3).AsAny(),
		rapid.Map(rapid.IntRange(0, 6), func(n int) any { return float64(n) / 2 }),
		rapid.SampledFrom([]any{nil, "", "a", "ab", "b", true, false, bson.D{}, bson.D{{Key: "x", Value: int32(1)}}, bson.DateTime(0),
			int64(2), int64(1<<53 + 1), float64(1 << 53), int64(math.MaxInt64), int32(math.MaxInt32), math.NaN()}),
	)
}

// bounds draws what a range may be bounded by.
func bounds() *rapid.Generator[any] {
	return rapid.OneOf(rapid.Int32Range(0, 3).AsAny(),
		rapid.SampledFrom([]any{1.5, math.NaN(), "", "a", bson.DateTime(0), int64(1 << 53), float64(1<<53 + 2)}))
}

// fieldValue draws what a document may have in a field: also lists, and
// documents with the fields x and y.
func fieldValue() *rapid.Generator[any] {
	sub := rapid.Custom(func(t *rapid.T) any {
		d := bson.D{{Key: "x", Value: scalar().Draw(t, "x")}}
		if rapid.Bool().Draw(t, "has y") {
			d = append(d, bson.E{Key: "y", Value: rapid.Int32Range(0, 3).Draw(t, "y")})
		}
		return d
	})
	inner := rapid.Map(rapid.SliceOfN(scalar(), 0, 2), func(l []any) any { return bson.A(l) })
	element := rapid.OneOf(scalar(), sub, sub, inner)
	list := rapid.Map(rapid.SliceOfN(element, 0, 3), func(l []any) any { return bson.A(l) })
	return rapid.OneOf(scalar(), sub, list, list)
}

// document draws one with the fields a, b and c. Where documents get into an
// index on several of them, one may be a list only.
func document(id int, lists int) *rapid.Generator[bson.D] {
	return rapid.Custom(func(t *rapid.T) bson.D {
		d := bson.D{{Key: "_id", Value: int32(id)}}
		arrays := 0
		for _, name := range []string{"a", "b", "c"} {
			if !rapid.Bool().Draw(t, "has "+name) {
				continue
			}
			v := fieldValue().Draw(t, name)
			if hasList(v) {
				if arrays++; arrays > lists {
					continue
				}
			}
			d = append(d, bson.E{Key: name, Value: v})
		}
		return d
	})
}

func hasList(v any) bool {
	switch v := v.(type) {
	case bson.A:
		return true
	case bson.D:
		return slices.ContainsFunc(v, func(e bson.E) bool { return hasList(e.Value) })
	}
	return false
}

func paths() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"a", "a", "a.x", "a.y", "b", "b.x", "c", "_id"})
}

func condition() *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		switch rapid.IntRange(0, 5).Draw(t, "form") {
		case 0:
			return rapid.OneOf(scalar(), fieldValue()).Draw(t, "value")
		case 1:
			n := rapid.Int32Range(0, 3)
			return bson.D{{Key: "$gt", Value: n.Draw(t, "above")}, {Key: "$lte", Value: n.Draw(t, "up to")}}
		case 2:
			return bson.D{{Key: "$not", Value: operators("$gt", "$gte", "$lt", "$lte", "$in", "$eq", "$exists", "$size").Draw(t, "not")}}
		case 3:
			return bson.D{{Key: "$elemMatch", Value: rapid.OneOf(
				operators("$gt", "$gte", "$lt", "$lte", "$in", "$eq", "$ne", "$nin", "$exists"),
				rapid.Map(scalar(), func(v any) bson.D { return bson.D{{Key: "x", Value: v}} }),
				rapid.Map(scalar(), func(v any) bson.D {
					return bson.D{{Key: "$or", Value: bson.A{bson.D{{Key: "x", Value: v}}, bson.D{{Key: "y", Value: bson.D{{Key: "$gte", Value: int32(2)}}}}}}}
				}),
			).Draw(t, "elements")}}
		}
		return operators("$gt", "$gte", "$lt", "$lte", "$in", "$eq", "$ne", "$nin", "$exists", "$regex", "$size").Draw(t, "operators")
	})
}

// operators draws one or two of the operators with arguments.
func operators(names ...string) *rapid.Generator[bson.D] {
	return rapid.Custom(func(t *rapid.T) bson.D {
		ops := bson.D{}
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, 2, rapid.ID[string]).Draw(t, "names") {
			var arg any
			switch name {
			case "$in", "$nin":
				arg = bson.A(rapid.SliceOfN(scalar(), 0, 3).Draw(t, "list"))
			case "$exists":
				arg = rapid.Bool().Draw(t, "there")
			case "$size":
				arg = rapid.Int32Range(0, 3).Draw(t, "size")
			case "$regex":
				arg = rapid.SampledFrom([]string{"", "^", "^a", "b", "^ab", `\^`}).Draw(t, "pattern")
			case "$eq", "$ne":
				arg = rapid.OneOf(scalar(), fieldValue()).Draw(t, "value")
			default:
				arg = bounds().Draw(t, "bound")
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
		if op := rapid.SampledFrom([]string{"", "", "", "$or", "$and"}).Draw(t, "joined by"); op != "" {
			other := bson.D{{Key: paths().Draw(t, "other"), Value: condition().Draw(t, "condition of other")}}
			q = bson.D{{Key: op, Value: bson.A{q, other}}}
		}
		return q
	})
}

// order draws a sort that is settled by _id in the end.
func order() *rapid.Generator[bson.D] {
	return rapid.Custom(func(t *rapid.T) bson.D {
		s := bson.D{}
		for _, p := range rapid.SliceOfNDistinct(paths(), 0, 2, rapid.ID[string]).Draw(t, "sort") {
			s = append(s, bson.E{Key: p, Value: rapid.SampledFrom([]int{1, -1}).Draw(t, "direction")})
		}
		last := bson.E{Key: "_id", Value: rapid.SampledFrom([]int{1, -1}).Draw(t, "direction of _id")}
		return append(slices.DeleteFunc(s, func(e bson.E) bool { return e.Key == "_id" }), last)
	})
}

func projection() *rapid.Generator[bson.D] {
	return rapid.Custom(func(t *rapid.T) bson.D {
		on := rapid.IntRange(0, 1).Draw(t, "include")
		p := bson.D{}
		for _, path := range rapid.SampledFrom([][]string{{}, {"a"}, {"a.x"}, {"a.x", "b"}, {"a.x", "a.y", "c"}, {"b.x.z"}, {"zz"}}).Draw(t, "fields") {
			p = append(p, bson.E{Key: path, Value: on})
		}
		if rapid.Bool().Draw(t, "names _id") {
			p = append(p, bson.E{Key: "_id", Value: rapid.IntRange(0, 1).Draw(t, "_id")})
		}
		return p
	})
}

// updates draws one or two operators, and the array filters that they use.
func updates() *rapid.Generator[bson.D] {
	return rapid.Custom(func(t *rapid.T) bson.D {
		u := bson.D{}
		names := []string{"$set", "$set", "$unset", "$inc", "$min", "$max", "$push", "$addToSet", "$pull", "$setOnInsert"}
		for _, op := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, 2, rapid.ID[string]).Draw(t, "operators") {
			fields := bson.D{}
			targets := []string{"a", "a.x", "a.x.z", "a.0", "a.1.x", "a.$[]", "a.$[e]", "a.$[e].y", "a.$[f].x", "b", "b.10", "b.9", "c", "n"}
			for _, path := range rapid.SliceOfNDistinct(rapid.SampledFrom(targets), 1, 2, rapid.ID[string]).Draw(t, "paths of "+op) {
				fields = append(fields, bson.E{Key: path, Value: argument(op).Draw(t, "argument")})
			}
			u = append(u, bson.E{Key: op, Value: fields})
		}
		return u
	})
}

func argument(op string) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		v := fieldValue().Draw(t, "value")
		list := func() bson.A { return bson.A(rapid.SliceOfN(scalar(), 0, 2).Draw(t, "each")) }
		form := rapid.IntRange(0, 2).Draw(t, "form")
		switch {
		case op == "$inc" && form > 0:
			return rapid.SampledFrom([]any{int32(1), int64(1), 0.5, int32(math.MaxInt32), int64(math.MinInt64)}).Draw(t, "by")
		case op == "$push" && form == 1:
			return bson.D{{Key: "$each", Value: list()}, {Key: "$slice", Value: rapid.IntRange(-2, 2).Draw(t, "slice")}}
		case op == "$addToSet" && form == 1:
			return bson.D{{Key: "$each", Value: list()}}
		case op == "$pull" && form == 1:
			return operators("$gt", "$gte", "$lt", "$in", "$eq", "$ne").Draw(t, "operators")
		case op == "$pull" && form == 2:
			return bson.D{{Key: "x", Value: condition().Draw(t, "condition")}}
		}
		return v
	})
}

// filtersOf draws a condition for each identifier in an update.
func filtersOf(t *rapid.T, u bson.D) []bson.D {
	var filters []bson.D
	for _, id := range []string{"e", "f"} {
		used := slices.ContainsFunc(u, func(op bson.E) bool {
			return slices.ContainsFunc(op.Value.(bson.D), func(e bson.E) bool {
				return e.Key == "a.$["+id+"]" || e.Key == "a.$["+id+"].x" || e.Key == "a.$["+id+"].y"
			})
		})
		if used {
			path := rapid.SampledFrom([]string{id, id + ".x"}).Draw(t, "filter")
			filters = append(filters, bson.D{{Key: path, Value: condition().Draw(t, "condition of "+id)}})
		}
	}
	return filters
}

// randomIndexes are such that documents with one list fit all of them.
func randomIndexes() []mongo.IndexModel {
	key := func(d bson.D) mongo.IndexModel { return mongo.IndexModel{Keys: d} }
	partial := func(d bson.D) *options.IndexOptionsBuilder { return options.Index().SetPartialFilterExpression(d) }
	return []mongo.IndexModel{
		key(bson.D{{Key: "a", Value: 1}, {Key: "b", Value: -1}}),
		key(bson.D{{Key: "a.x", Value: -1}, {Key: "a.y", Value: 1}}),
		key(bson.D{{Key: "b", Value: -1}, {Key: "a", Value: -1}, {Key: "c", Value: 1}}),
		{Keys: bson.D{{Key: "b.x", Value: 1}, {Key: "c", Value: 1}}, Options: partial(bson.D{{Key: "b", Value: bson.D{{Key: "$exists", Value: true}}}})},
		{Keys: bson.D{{Key: "c", Value: 1}, {Key: "a", Value: 1}}, Options: partial(bson.D{{Key: "c", Value: bson.D{{Key: "$gte", Value: 1}}}})},
		key(bson.D{{Key: "a", Value: -1}, {Key: "a.x", Value: 1}}),
	}
}

// fieldIndexes take documents with any lists.
func fieldIndexes() []mongo.IndexModel {
	var all []mongo.IndexModel
	for _, field := range []string{"a", "a.x", "b", "c", "n"} {
		all = append(all, mongo.IndexModel{Keys: bson.D{{Key: field, Value: 1}}})
	}
	return all
}
