package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

func TestUpdateOperators(t *testing.T) {
	t.Parallel()
	coll := open(t)
	id := 0
	for name, tc := range map[string]struct{ before, update, want string }{
		"set":                              {`{"a": 1}`, `{"$set": {"a": "x", "b": null}}`, `{"a": "x", "b": null}`},
		"set makes parents":                {`{"a": 1}`, `{"$set": {"p.q.r": 1}}`, `{"a": 1, "p": {"q": {"r": 1}}}`},
		"set inside":                       {`{"p": {"q": 1, "z": 2}}`, `{"$set": {"p.q": {"n": 1}, "p.y": []}}`, `{"p": {"q": {"n": 1}, "z": 2, "y": []}}`},
		"set of new fields sorts them":     {`{"a": 1}`, `{"$set": {"z": 1, "c": 2, "b": 3}}`, `{"a": 1, "b": 3, "c": 2, "z": 1}`},
		"set by position":                  {`{"l": [1, 2, 3]}`, `{"$set": {"l.1": "two"}}`, `{"l": [1, "two", 3]}`},
		"set beyond an array's end":        {`{"l": [1]}`, `{"$set": {"l.3": 4}}`, `{"l": [1, null, null, 4]}`},
		"numbers name fields of documents": {`{"p": {}}`, `{"$set": {"p.0": 1}}`, `{"p": {"0": 1}}`},
		"missing parents of numbers":       {`{}`, `{"$set": {"p.0": 1}}`, `{"p": {"0": 1}}`},
		"set in a document in an array":    {`{"l": [{"x": 1}, {"x": 2}]}`, `{"$set": {"l.1.x": 5, "l.0.y": 6}}`, `{"l": [{"x": 1, "y": 6}, {"x": 5}]}`},
		"setOnInsert does nothing":         {`{"a": 1}`, `{"$setOnInsert": {"a": 2}}`, `{"a": 1}`},
		"unset":                            {`{"a": 1, "p": {"q": 1, "r": 2}}`, `{"$unset": {"a": "", "p.q": "", "no": "", "p.x.y": ""}}`, `{"p": {"r": 2}}`},
		"unset an element leaves null":     {`{"l": [1, 2, 3]}`, `{"$unset": {"l.1": ""}}`, `{"l": [1, null, 3]}`},
		"inc":                              {`{"a": 1}`, `{"$inc": {"a": 2, "b": -1}}`, `{"a": 3, "b": -1}`},
		"inc widens":                       {`{"a": 2147483647}`, `{"$inc": {"a": 1}}`, `{"a": {"$numberLong": "2147483648"}}`},
		"inc by a double":                  {`{"a": 1}`, `{"$inc": {"a": 0.5}}`, `{"a": 1.5}`},
		"min and max":                      {`{"a": 5, "b": 5, "c": 5}`, `{"$min": {"a": 3, "b": 9, "n": 1}, "$max": {"c": "s"}}`, `{"a": 3, "b": 5, "c": "s", "n": 1}`},
		"push":                             {`{"l": [1]}`, `{"$push": {"l": [2], "n": 1}}`, `{"l": [1, [2]], "n": [1]}`},
		"push each":                        {`{"l": [1]}`, `{"$push": {"l": {"$each": [2, 3]}}}`, `{"l": [1, 2, 3]}`},
		"push keeps the last":              {`{"l": [1, 2]}`, `{"$push": {"l": {"$each": [3], "$slice": -2}}}`, `{"l": [2, 3]}`},
		"push keeps the first":             {`{"l": [1, 2]}`, `{"$push": {"l": {"$each": [3], "$slice": 2}}}`, `{"l": [1, 2]}`},
		"addToSet":                         {`{"l": [1, 2]}`, `{"$addToSet": {"l": 2.0, "n": "x"}}`, `{"l": [1, 2], "n": ["x"]}`},
		"addToSet each":                    {`{"l": [1]}`, `{"$addToSet": {"l": {"$each": [1, 2, 2, {"a": 1}]}}}`, `{"l": [1, 2, {"a": 1}]}`},
		"pull a value":                     {`{"l": [1, 2, 1, [1]]}`, `{"$pull": {"l": 1}}`, `{"l": [2, [1]]}`},
		"pull by a condition":              {`{"l": [1, 5, 9]}`, `{"$pull": {"l": {"$gte": 5}}}`, `{"l": [1]}`},
		"pull documents":                   {`{"l": [{"x": 1, "y": 2}, {"x": 2}]}`, `{"$pull": {"l": {"x": 1}}}`, `{"l": [{"x": 2}]}`},
		"pull documents by a condition":    {`{"l": [{"x": 1, "y": 2}, {"x": 2}]}`, `{"$pull": {"l": {"x": {"$gt": 1}}}}`, `{"l": [{"x": 1, "y": 2}]}`},
		"pull arrays by their elements":    {`{"l": [[1, 5], [7], 5, 2]}`, `{"$pull": {"l": {"$gte": 5}}}`, `{"l": [2]}`},
		"pull with or":                     {`{"l": [{"x": 1}, {"x": 2}, {"x": 3}]}`, `{"$pull": {"l": {"$or": [{"x": 1}, {"x": 3}]}}}`, `{"l": [{"x": 2}]}`},
		"numbers come in their order":      {`{"p": {}}`, `{"$set": {"p.10": 1, "p.9": 2, "p.b": 3}}`, `{"p": {"9": 2, "10": 1, "b": 3}}`},
		"unset through a scalar":           {`{"a": 1}`, `{"$unset": {"a.b": ""}}`, `{"a": 1}`},
		"filters see the array as it was":  {`{"l": [1, 2]}`, `{"$inc": {"l.$[]": 1}, "$set": {"n": 1}}`, `{"l": [2, 3], "n": 1}`},
		"pull from nothing":                {`{}`, `{"$pull": {"l": 1}}`, `{}`},
		"all elements":                     {`{"l": [{"x": 1}, {"x": 2}]}`, `{"$inc": {"l.$[].x": 10}}`, `{"l": [{"x": 11}, {"x": 12}]}`},
		"all elements of all":              {`{"l": [[1, 2], [3]]}`, `{"$inc": {"l.$[].$[]": 1}}`, `{"l": [[2, 3], [4]]}`},
		"fields with odd names":            {`{"p": {}}`, `{"$set": {"p.é ü/": 1, "p.-": 2}}`, `{"p": {"-": 2, "é ü/": 1}}`},
		"values may hold anything":         {`{}`, `{"$set": {"cm": {"app.properties": "x", "$ref": 1, "": {"a.b": {"$c": 2}}}}}`, `{"cm": {"app.properties": "x", "$ref": 1, "": {"a.b": {"$c": 2}}}}`},
	} {
		id++
		t.Run(name, func(t *testing.T) {
			before := append(bson.D{{Key: "_id", Value: id}}, doc(t, tc.before)...)
			_, err := coll.InsertOne(t.Context(), before)
			require.NoError(t, err)
			res, err := coll.UpdateOne(t.Context(), bson.M{"_id": id}, doc(t, tc.update))
			require.NoError(t, err)
			require.EqualValues(t, 1, res.MatchedCount)
			want := asJSON(t, append(bson.D{{Key: "_id", Value: id}}, doc(t, tc.want)...))
			require.Equal(t, want, load(t, coll, id))
			require.Equal(t, want != asJSON(t, before), res.ModifiedCount == 1, "modified count")
		})
	}
}

func TestPositionalUpdates(t *testing.T) {
	t.Parallel()
	const list = `{"_id": 1, "l": [{"id": "a", "n": 1}, {"id": "b", "n": 2}, {"id": "c", "n": 3}], "v": [5, 6, 7]}`
	for name, tc := range map[string]struct {
		filter, update string
		filters        []string
		want           string
	}{
		"filtered elements":       {`{"_id": 1}`, `{"$set": {"l.$[e].n": 0}}`, []string{`{"e.n": {"$gte": 2}}`}, `{"l": [{"id": "a", "n": 1}, {"id": "b", "n": 0}, {"id": "c", "n": 0}], "v": [5, 6, 7]}`},
		"filtered by two fields":  {`{"_id": 1}`, `{"$set": {"l.$[e].n": 0}}`, []string{`{"e.n": {"$gte": 2}, "e.id": "b"}`}, `{"l": [{"id": "a", "n": 1}, {"id": "b", "n": 0}, {"id": "c", "n": 3}], "v": [5, 6, 7]}`},
		"filtered values":         {`{"_id": 1}`, `{"$inc": {"v.$[x]": 10}}`, []string{`{"x": {"$ne": 6}}`}, `{"l": [{"id": "a", "n": 1}, {"id": "b", "n": 2}, {"id": "c", "n": 3}], "v": [15, 6, 17]}`},
		"two filters":             {`{"_id": 1}`, `{"$set": {"l.$[a].n": 7, "l.$[b].k": 8}}`, []string{`{"a.id": "a"}`, `{"b.id": "b"}`}, `{"l": [{"id": "a", "n": 7}, {"id": "b", "n": 2, "k": 8}, {"id": "c", "n": 3}], "v": [5, 6, 7]}`},
		"filters by turns":        {`{"_id": 1}`, `{"$set": {"l.$[a].id": "b", "l.$[b].n": 9}}`, []string{`{"a.id": "a"}`, `{"b.id": "b"}`}, `{"l": [{"id": "b", "n": 1}, {"id": "b", "n": 9}, {"id": "c", "n": 3}], "v": [5, 6, 7]}`},
		"or in a filter":          {`{"_id": 1}`, `{"$set": {"l.$[e].n": 0}}`, []string{`{"$or": [{"e.id": "a"}, {"e.n": 3}]}`}, `{"l": [{"id": "a", "n": 0}, {"id": "b", "n": 2}, {"id": "c", "n": 0}], "v": [5, 6, 7]}`},
		"a filter that fits none": {`{"_id": 1}`, `{"$set": {"l.$[e].n": 0}}`, []string{`{"e.id": "zz"}`}, `{"l": [{"id": "a", "n": 1}, {"id": "b", "n": 2}, {"id": "c", "n": 3}], "v": [5, 6, 7]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			coll := open(t)
			insert(t, coll, list)
			var filters []any
			for _, f := range tc.filters {
				filters = append(filters, doc(t, f))
			}
			o := options.UpdateOne()
			if filters != nil {
				o.SetArrayFilters(filters)
			}
			res, err := coll.UpdateOne(t.Context(), doc(t, tc.filter), doc(t, tc.update), o)
			require.NoError(t, err)
			require.EqualValues(t, 1, res.MatchedCount)
			require.Equal(t, asJSON(t, append(bson.D{{Key: "_id", Value: 1}}, doc(t, tc.want)...)), load(t, coll, 1))
		})
	}
}

func TestUpdatesThatAreRefused(t *testing.T) {
	t.Parallel()
	coll := open(t)
	const before = `{"_id": 1, "a": 1, "s": "text", "l": [1, 2], "p": {"q": 1}, "big": {"$numberLong": "9223372036854775807"}}`
	insert(t, coll, before)
	for name, tc := range map[string]struct {
		update  string
		filters []string
		code    int
	}{
		"unknown operator":          {`{"$foo": {"a": 1}}`, nil, 9},
		"bit is not supported":      {`{"$set": {"a": 2}, "$nope": {"a": {"and": 1}}}`, nil, 9},
		"operator without document": {`{"$set": 1}`, nil, 9},
		"same path twice":           {`{"$set": {"a": 1}, "$inc": {"a": 1}}`, nil, 40},
		"path below another":        {`{"$set": {"p": {}, "p.q": 1}}`, nil, 40},
		"changing _id":              {`{"$set": {"_id": 2}}`, nil, 66},
		"removing _id":              {`{"$unset": {"_id": ""}}`, nil, 66},
		"inc of a string":           {`{"$inc": {"s": 1}}`, nil, 14},
		"inc by a string":           {`{"$inc": {"a": "1"}}`, nil, 14},
		"push to a number":          {`{"$push": {"a": 1}}`, nil, 2},
		"addToSet to a number":      {`{"$addToSet": {"a": 1}}`, nil, 2},
		"pull from a number":        {`{"$pull": {"a": 1}}`, nil, 2},
		"field in a scalar":         {`{"$set": {"a.b": 1}}`, nil, 28},
		"name in an array":          {`{"$set": {"l.x": 1}}`, nil, 28},
		"empty path part":           {`{"$set": {"p..q": 1}}`, nil, 56},
		"dollar path part":          {`{"$set": {"p.$x": 1}}`, nil, 52},
		"filter that is missing":    {`{"$set": {"l.$[e]": 1}}`, nil, 2},
		"filter that is not used":   {`{"$set": {"a": 1}}`, []string{`{"e": 1}`}, 9},
		"filter of two names":       {`{"$set": {"l.$[e]": 1}}`, []string{`{"e": 1, "f": 2}`}, 9},
		"all of a scalar":           {`{"$set": {"a.$[]": 1}}`, nil, 2},
		"all of nothing":            {`{"$set": {"zz.$[]": 1}}`, nil, 2},
		"unknown push clause":       {`{"$push": {"l": {"$each": [], "$foo": 1}}}`, nil, 2},
		"filters that overlap":      {`{"$set": {"l.$[a]": 5, "l.$[b]": 6}}`, []string{`{"a": 1}`, `{"b": {"$lt": 2}}`}, 40},
		"a filter beside all":       {`{"$set": {"l.$[a]": 5, "l.$[]": 6}}`, []string{`{"a": 1}`}, 40},
		"a filter beside a number":  {`{"$set": {"l.$[a]": 5, "l.1": 6}}`, []string{`{"a": 1}`}, 40},
		"filter of a bad name":      {`{"$set": {"l.$[E]": 5}}`, []string{`{"E": 1}`}, 2},
		"filter without a name":     {`{"$set": {"l.$[e]": 5}}`, []string{`{}`}, 9},
		"pull through a scalar":     {`{"$pull": {"a.b": 1}}`, nil, 28},
		"pull by name in an array":  {`{"$pull": {"l.x": 1}}`, nil, 28},
		"inc by null":               {`{"$inc": {"a": null}}`, nil, 14},
		"inc beyond 64 bits":        {`{"$inc": {"big": {"$numberLong": "1"}}}`, nil, 2},
		"push each of a scalar":     {`{"$push": {"l": {"$each": 1}}}`, nil, 2},
		"part of _id":               {`{"$set": {"_id.x": 1}}`, nil, 28},
		"second operation fails":    {`{"$set": {"a": 5}, "$inc": {"s": 1}}`, nil, 14},
	} {
		t.Run(name, func(t *testing.T) {
			o := options.UpdateOne()
			if tc.filters != nil {
				var filters []any
				for _, f := range tc.filters {
					filters = append(filters, doc(t, f))
				}
				o.SetArrayFilters(filters)
			}
			_, err := coll.UpdateOne(t.Context(), bson.M{"_id": 1}, doc(t, tc.update), o)
			requireCode(t, tc.code, err)
			require.Equal(t, same(t, before), load(t, coll, 1), "nothing is half done")
		})
	}
}

func TestReplacements(t *testing.T) {
	t.Parallel()
	coll := open(t)
	insert(t, coll, `{"_id": 1, "a": 1, "b": 2}`)
	res, err := coll.ReplaceOne(t.Context(), bson.M{"a": 1}, doc(t, `{"c": 3, "dotted.name": 1}`))
	require.NoError(t, err)
	require.EqualValues(t, 1, res.ModifiedCount)
	require.Equal(t, same(t, `{"_id": 1, "c": 3, "dotted.name": 1}`), load(t, coll, 1))
	_, err = coll.ReplaceOne(t.Context(), bson.M{"_id": 1}, doc(t, `{"_id": 2, "c": 3}`))
	requireCode(t, 66, err)
	res, err = coll.ReplaceOne(t.Context(), bson.M{"_id": 7}, doc(t, `{"x": 1}`), options.Replace().SetUpsert(true))
	require.NoError(t, err)
	require.EqualValues(t, 7, res.UpsertedID)
	require.Equal(t, same(t, `{"_id": 7, "x": 1}`), load(t, coll, 7))
}

func TestUpserts(t *testing.T) {
	t.Parallel()
	coll := open(t)
	upsert := options.UpdateOne().SetUpsert(true)
	res, err := coll.UpdateOne(t.Context(), doc(t, `{"_id": 1, "k.l": "x", "n": {"$gt": 5}, "$and": [{"e": {"$eq": true}}]}`),
		doc(t, `{"$set": {"v": 1}, "$setOnInsert": {"made": true}, "$inc": {"c": 2}}`), upsert)
	require.NoError(t, err)
	require.EqualValues(t, 0, res.MatchedCount)
	require.EqualValues(t, 1, res.UpsertedCount)
	require.EqualValues(t, 1, res.UpsertedID)
	got := bson.M{}
	require.NoError(t, coll.FindOne(t.Context(), bson.M{"_id": 1}).Decode(&got))
	require.Equal(t, bson.M{"_id": int32(1), "k": map[string]any{"l": "x"}, "e": true, "v": int32(1), "made": true, "c": int32(2)}, got)

	res, err = coll.UpdateOne(t.Context(), bson.M{"_id": 1}, doc(t, `{"$setOnInsert": {"made": false}, "$inc": {"c": 2}}`), upsert)
	require.NoError(t, err)
	require.EqualValues(t, 1, res.ModifiedCount)
	require.Zero(t, res.UpsertedCount)
	require.Len(t, ids(t, coll, bson.M{"made": true, "c": 4}), 1)

	res, err = coll.UpdateOne(t.Context(), bson.M{"name": "new"}, doc(t, `{"$set": {"v": 1}}`), upsert)
	require.NoError(t, err)
	require.IsType(t, bson.ObjectID{}, res.UpsertedID)
}

// An upsert makes a document out of what its query says is equal, and of
// nothing else.
func TestUpsertsTakeEquality(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		query, want string
		code        int
	}{
		"in with one value":    {query: `{"_id": {"$in": [1]}, "a": {"$in": ["x", "y"]}}`, want: `{"_id": 1, "set": true}`},
		"or with one part":     {query: `{"$or": [{"_id": 1}]}`, want: `{"_id": 1, "set": true}`},
		"or":                   {query: `{"_id": 1, "$or": [{"a": 1}, {"b": 1}]}`, want: `{"_id": 1, "set": true}`},
		"not":                  {query: `{"_id": 1, "a": {"$not": {"$eq": 5}}, "b": {"$ne": 5}}`, want: `{"_id": 1, "set": true}`},
		"ranges":               {query: `{"_id": 1, "a": {"$gte": 5, "$lte": 5}}`, want: `{"_id": 1, "set": true}`},
		"elemMatch":            {query: `{"_id": 1, "a": {"$elemMatch": {"b": 1}}}`, want: `{"_id": 1, "set": true}`},
		"a document":           {query: `{"_id": 1, "a": {"b": {"$eq": 1}}}`, want: `{"_id": 1, "a": {"b": {"$eq": 1}}, "set": true}`},
		"null":                 {query: `{"_id": 1, "a": null}`, want: `{"_id": 1, "a": null, "set": true}`},
		"two values":           {query: `{"$and": [{"x": 1}, {"x": 2}]}`, code: 54},
		"the same value twice": {query: `{"$and": [{"x": 1}, {"x": 1}]}`, code: 54},
		"a value and a part":   {query: `{"x": {"y": 1}, "x.z": 1}`, code: 54},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			coll := open(t)
			_, err := coll.UpdateOne(t.Context(), doc(t, tc.query), doc(t, `{"$set": {"set": true}}`), options.UpdateOne().SetUpsert(true))
			if tc.code != 0 {
				requireCode(t, tc.code, err)
				require.Empty(t, ids(t, coll, bson.M{}))
				return
			}
			require.NoError(t, err)
			require.Equal(t, same(t, tc.want), load(t, coll, 1))
		})
	}
}

func TestUpdateMany(t *testing.T) {
	t.Parallel()
	coll := open(t)
	insert(t, coll, `{"_id": 1, "g": 1, "v": 1}`, `{"_id": 2, "g": 1, "v": 5}`, `{"_id": 3, "g": 2, "v": 1}`)
	res, err := coll.UpdateMany(t.Context(), bson.M{"g": 1}, doc(t, `{"$max": {"v": 3}}`))
	require.NoError(t, err)
	require.EqualValues(t, 2, res.MatchedCount)
	require.EqualValues(t, 1, res.ModifiedCount)
	require.Equal(t, []int{1}, ids(t, coll, bson.M{"v": 3}))
	del, err := coll.DeleteMany(t.Context(), bson.M{"g": 1})
	require.NoError(t, err)
	require.EqualValues(t, 2, del.DeletedCount)
	del, err = coll.DeleteOne(t.Context(), bson.M{})
	require.NoError(t, err)
	require.EqualValues(t, 1, del.DeletedCount)
	require.Empty(t, ids(t, coll, bson.M{}))
}

// An index that is walked while its keys change must not meet a document twice.
func TestUpdateManyMovesEachDocumentOnce(t *testing.T) {
	t.Parallel()
	coll := open(t)
	ensure(t, coll, `{"v": 1}`, nil)
	for i := range 50 {
		insert(t, coll, asJSON(t, bson.D{{Key: "_id", Value: i}, {Key: "v", Value: i}}))
	}
	res, err := coll.UpdateMany(t.Context(), bson.M{"v": bson.M{"$gte": 0}}, doc(t, `{"$inc": {"v": 1000}}`))
	require.NoError(t, err)
	require.EqualValues(t, 50, res.ModifiedCount)
	require.Empty(t, ids(t, coll, bson.M{"v": bson.M{"$gte": 2000}}))
}
