package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// queryDocs is what the queries below look for something in.
var queryDocs = []string{
	`{"_id": 1, "a": 1, "s": "apple", "tags": ["x", "y"], "sub": {"k": 1, "l": "m"}}`,
	`{"_id": 2, "a": {"$numberLong": "2"}, "s": "Banana", "tags": [], "sub": {"k": 2}}`,
	`{"_id": 3, "a": 2.5, "s": "cherry\npie", "tags": ["y"], "list": [{"n": 1, "v": "p"}, {"n": 5, "v": "q"}]}`,
	`{"_id": 4, "a": null, "s": null, "nums": [1, 5, 9], "list": [{"n": 2, "v": "q"}, {"v": "r"}]}`,
	`{"_id": 5, "nums": [[1, 2], 3], "sub": [{"k": 1}, {"k": 7}], "on": true}`,
	`{"_id": 6, "a": "2", "sub": {"l": "m", "k": 1}, "on": false, "when": {"$date": "2026-01-02T03:04:05Z"}}`,
	`{"_id": 7, "a": [1, 2, 30], "nums": 5, "list": []}`,
	`{"_id": 8, "a": {"$numberDouble": "NaN"}, "deep": {"er": [{"x": [1, 2]}, {"x": 3}]}}`,
}

func TestQueries(t *testing.T) {
	t.Parallel()
	coll := open(t)
	insert(t, coll, queryDocs...)
	for name, tc := range map[string]struct {
		filter string
		want   []int
	}{
		"everything":                        {`{}`, []int{1, 2, 3, 4, 5, 6, 7, 8}},
		"equality of numbers by value":      {`{"a": 2}`, []int{2, 7}},
		"equality never crosses types":      {`{"a": "2"}`, []int{6}},
		"double equals integer":             {`{"a": 1.0}`, []int{1, 7}},
		"null matches null and missing":     {`{"a": null}`, []int{4, 5}},
		"nested null in scalar":             {`{"a.b": null}`, []int{1, 2, 3, 4, 5, 6, 8}},
		"nested null in array elements":     {`{"list.n": null, "list": {"$ne": null}}`, []int{4}},
		"not null":                          {`{"a": {"$ne": null}}`, []int{1, 2, 3, 6, 7, 8}},
		"exists":                            {`{"a": {"$exists": true}}`, []int{1, 2, 3, 4, 6, 7, 8}},
		"does not exist":                    {`{"a": {"$exists": false}}`, []int{5}},
		"greater":                           {`{"a": {"$gt": 2}}`, []int{3, 7}},
		"greater or equal":                  {`{"a": {"$gte": 2}}`, []int{2, 3, 7}},
		"less, without NaN":                 {`{"a": {"$lt": 2}}`, []int{1, 7}},
		"less or equal":                     {`{"a": {"$lte": 2}}`, []int{1, 2, 7}},
		"both ends by different elements":   {`{"a": {"$gt": 2, "$lt": 2}}`, []int{7}},
		"NaN equals NaN":                    {`{"a": {"$numberDouble": "NaN"}}`, []int{8}},
		"ranges of strings":                 {`{"s": {"$gte": "b"}}`, []int{3}},
		"ranges of dates":                   {`{"when": {"$lt": {"$date": "2027-01-01T00:00:00Z"}}}`, []int{6}},
		"booleans are no numbers":           {`{"on": 1}`, []int{}},
		"boolean":                           {`{"on": true}`, []int{5}},
		"in":                                {`{"_id": {"$in": [3, 1, 9, 3]}}`, []int{1, 3}},
		"in with null":                      {`{"s": {"$in": [null, "apple"]}}`, []int{1, 4, 5, 6, 7, 8}},
		"in nothing":                        {`{"s": {"$in": []}}`, []int{}},
		"not in":                            {`{"s": {"$nin": ["apple", null]}}`, []int{2, 3}},
		"element of an array":               {`{"tags": "y"}`, []int{1, 3}},
		"whole array":                       {`{"tags": ["x", "y"]}`, []int{1}},
		"whole array in order":              {`{"tags": ["y", "x"]}`, []int{}},
		"empty array":                       {`{"tags": []}`, []int{2}},
		"array as an element":               {`{"nums": [1, 2]}`, []int{5}},
		"no element":                        {`{"tags": {"$ne": "y"}}`, []int{2, 4, 5, 6, 7, 8}},
		"position":                          {`{"tags.0": "y"}`, []int{3}},
		"position in documents":             {`{"list.1.v": "q"}`, []int{3}},
		"position exists":                   {`{"tags.1": {"$exists": true}}`, []int{1}},
		"whole document":                    {`{"sub": {"k": 1, "l": "m"}}`, []int{1}},
		"dotted path":                       {`{"sub.k": 1}`, []int{1, 5, 6}},
		"dotted path through an array":      {`{"list.v": "q"}`, []int{3, 4}},
		"path through two arrays":           {`{"deep.er.x": 2}`, []int{8}},
		"conditions on different elements":  {`{"list.n": 2, "list.v": "r"}`, []int{4}},
		"elemMatch on one element":          {`{"list": {"$elemMatch": {"n": 2, "v": "q"}}}`, []int{4}},
		"elemMatch on one element fails":    {`{"list": {"$elemMatch": {"n": 2, "v": "r"}}}`, []int{}},
		"elemMatch on values":               {`{"nums": {"$elemMatch": {"$gt": 4, "$lt": 9}}}`, []int{4}},
		"elemMatch wants an array":          {`{"nums": {"$elemMatch": {"$eq": 5}}}`, []int{4}},
		"elemMatch with or":                 {`{"list": {"$elemMatch": {"$or": [{"n": 5}, {"v": "r"}]}}}`, []int{3, 4}},
		"size":                              {`{"tags": {"$size": 2}}`, []int{1}},
		"size zero":                         {`{"tags": {"$size": 0}}`, []int{2}},
		"size is not of the elements":       {`{"nums": {"$size": 2}}`, []int{5}},
		"and":                               {`{"$and": [{"a": {"$gt": 1}}, {"s": "Banana"}]}`, []int{2}},
		"or":                                {`{"$or": [{"s": "apple"}, {"on": true}]}`, []int{1, 5}},
		"not":                               {`{"a": {"$not": {"$gt": 1}}}`, []int{1, 4, 5, 6, 8}},
		"elemMatch looks no deeper":         {`{"nums": {"$elemMatch": {"$gt": 0, "$lt": 2}}}`, []int{4}},
		"elemMatch in an elemMatch":         {`{"nums": {"$elemMatch": {"$elemMatch": {"$gte": 2}}}}`, []int{5}},
		"or of one":                         {`{"$or": [{"s": "apple"}]}`, []int{1}},
		"above NaN is nothing":              {`{"a": {"$gt": {"$numberDouble": "NaN"}}}`, []int{}},
		"at least NaN is NaN":               {`{"a": {"$gte": {"$numberDouble": "NaN"}}}`, []int{8}},
		"not above is also NaN":             {`{"a": {"$not": {"$gte": 1}}}`, []int{4, 5, 6, 8}},
		"pattern at the begin":              {`{"s": {"$regex": "^cherry\npi"}}`, []int{3}},
		"pattern":                           {`{"s": {"$regex": "an"}}`, []int{2}},
		"pattern without case":              {`{"s": {"$regex": "^b", "$options": "i"}}`, []int{2}},
		"pattern on elements":               {`{"tags": {"$regex": "^x"}}`, []int{1}},
		"explicit equality with a document": {`{"sub": {"$eq": {"k": 2}}}`, []int{2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sorted := options.Find().SetSort(bson.M{"_id": 1})
			require.Equal(t, tc.want, ids(t, coll, doc(t, tc.filter), sorted), "%s", tc.filter)
		})
	}
}

func TestQueriesThatAreRefused(t *testing.T) {
	t.Parallel()
	coll := open(t)
	insert(t, coll, `{"_id": 1, "a": 1}`)
	for name, tc := range map[string]struct {
		filter string
		code   int
	}{
		"unknown operator":           {`{"a": {"$near": 1}}`, 2},
		"unknown top-level operator": {`{"$foo": 1}`, 2},
		"in without an array":        {`{"a": {"$in": 1}}`, 2},
		"or without an array":        {`{"$or": {}}`, 2},
		"empty and":                  {`{"$and": []}`, 2},
		"options without a pattern":  {`{"a": {"$options": "i"}}`, 2},
		"not with a value":           {`{"a": {"$not": 1}}`, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireCode(t, tc.code, coll.FindOne(t.Context(), doc(t, tc.filter)).Err())
		})
	}
}

func TestSorting(t *testing.T) {
	t.Parallel()
	coll := open(t)
	insert(t, coll,
		`{"_id": 1, "v": "text", "g": 1}`, `{"_id": 2, "v": 5, "g": 1}`, `{"_id": 3, "g": 2}`, `{"_id": 4, "v": null, "g": 2}`,
		`{"_id": 5, "v": {"x": 1}, "g": 2}`, `{"_id": 6, "v": [0, 99], "g": 1}`, `{"_id": 7, "v": true, "g": 3}`, `{"_id": 8, "v": [], "g": 3}`,
		`{"_id": 9, "v": {"$numberLong": "-3"}, "g": 3}`, `{"_id": 10, "v": {"$date": "2026-01-01T00:00:00Z"}, "g": 3}`,
		`{"_id": 11, "v": {"$oid": "0123456789abcdef01234567"}, "g": 3}`)
	for name, tc := range map[string]struct {
		sort string
		want []int
	}{
		"types in BSON order":       {`{"v": 1, "_id": 1}`, []int{8, 3, 4, 9, 6, 2, 1, 5, 11, 7, 10}},
		"descending by largest":     {`{"v": -1, "_id": 1}`, []int{10, 7, 11, 5, 1, 6, 2, 9, 3, 4, 8}},
		"two fields":                {`{"g": -1, "_id": -1}`, []int{11, 10, 9, 8, 7, 5, 4, 3, 6, 2, 1}},
		"different directions":      {`{"g": 1, "_id": -1}`, []int{6, 2, 1, 5, 4, 3, 11, 10, 9, 8, 7}},
		"nested":                    {`{"v.x": -1, "_id": 1}`, []int{5, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11}},
		"by _id descending":         {`{"_id": -1}`, []int{11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1}},
		"_id first leaves the rest": {`{"_id": 1, "g": -1}`, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			by := doc(t, tc.sort)
			require.Equal(t, tc.want, ids(t, coll, bson.M{}, options.Find().SetSort(by)))
			require.Equal(t, tc.want[2:5], ids(t, coll, bson.M{}, options.Find().SetSort(by).SetSkip(2).SetLimit(3)), "a page of it")
		})
	}
}

// Of an array the smallest element counts, the largest when descending; of two
// fields in one array, the smallest pair.
func TestSortingThroughArrays(t *testing.T) {
	t.Parallel()
	coll := open(t)
	insert(t, coll,
		`{"_id": 1, "v": [[5], 9]}`, `{"_id": 2, "v": [[1, 2]]}`, `{"_id": 3, "v": [8]}`, `{"_id": 4, "v": [[]]}`,
		`{"_id": 5, "l": [{"x": 1, "y": 9}, {"x": 2, "y": 0}]}`, `{"_id": 6, "l": [{"x": 1, "y": 5}]}`, `{"_id": 7, "l": [{"x": 3, "y": 1}, {"x": 0, "y": 7}]}`)
	nested := doc(t, `{"v": {"$exists": true}}`)
	require.Equal(t, []int{3, 1, 4, 2}, ids(t, coll, nested, options.Find().SetSort(doc(t, `{"v": 1}`))))
	require.Equal(t, []int{1, 2, 4, 3}, ids(t, coll, nested, options.Find().SetSort(doc(t, `{"v": -1}`))))
	pairs := doc(t, `{"l": {"$exists": true}}`)
	for range 2 { // also with an index
		require.Equal(t, []int{7, 6, 5}, ids(t, coll, pairs, options.Find().SetSort(doc(t, `{"l.x": 1, "l.y": 1}`))))
		require.Equal(t, []int{7, 5, 6}, ids(t, coll, pairs, options.Find().SetSort(doc(t, `{"l.x": -1, "l.y": -1}`))))
		require.Equal(t, []int{7, 5, 6}, ids(t, coll, pairs, options.Find().SetSort(doc(t, `{"l.x": 1, "l.y": -1}`))))
		ensure(t, coll, `{"l.x": 1, "l.y": 1}`, nil)
	}
}

func TestParallelArraysCannotBeSorted(t *testing.T) {
	t.Parallel()
	coll := open(t)
	insert(t, coll, `{"_id": 1, "a": [1, 2], "b": [3]}`)
	_, err := coll.Find(t.Context(), bson.M{}, options.Find().SetSort(doc(t, `{"a": 1, "b": 1}`)))
	requireCode(t, 2, err)
	_, err = coll.Find(t.Context(), bson.M{}, options.Find().SetSort(doc(t, `{"a": 1}`)))
	require.NoError(t, err)
}

func TestProjections(t *testing.T) {
	t.Parallel()
	coll := open(t)
	insert(t, coll, `{"_id": 1, "a": 1, "b": {"c": 2, "d": 3}, "l": [{"x": 1, "y": 2}, 5, {"y": 3}, [{"x": 7, "y": 8}]]}`)
	for name, tc := range map[string]struct{ projection, want string }{
		"include":               {`{"a": 1}`, `{"_id": 1, "a": 1}`},
		"include without _id":   {`{"a": 1, "_id": 0}`, `{"a": 1}`},
		"include nested":        {`{"b.d": true}`, `{"_id": 1, "b": {"d": 3}}`},
		"include in arrays":     {`{"l.x": 1}`, `{"_id": 1, "l": [{"x": 1}, {}, [{"x": 7}]]}`},
		"include missing":       {`{"zz": 1}`, `{"_id": 1}`},
		"include under scalar":  {`{"a.b": 1}`, `{"_id": 1}`},
		"exclude":               {`{"l": 0, "b": 0}`, `{"_id": 1, "a": 1}`},
		"exclude nested":        {`{"b.c": 0, "l": 0}`, `{"_id": 1, "a": 1, "b": {"d": 3}}`},
		"exclude in arrays":     {`{"l.y": 0, "b": 0}`, `{"_id": 1, "a": 1, "l": [{"x": 1}, 5, {}, [{"x": 7}]]}`},
		"exclude only _id":      {`{"_id": 0}`, `{"a": 1, "b": {"c": 2, "d": 3}, "l": [{"x": 1, "y": 2}, 5, {"y": 3}, [{"x": 7, "y": 8}]]}`},
		"include only _id":      {`{"_id": 1}`, `{"_id": 1}`},
		"keeps the field order": {`{"b.c": 1, "a": 1}`, `{"_id": 1, "a": 1, "b": {"c": 2}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw, err := coll.FindOne(t.Context(), bson.M{}, options.FindOne().SetProjection(doc(t, tc.projection))).Raw()
			require.NoError(t, err)
			require.Equal(t, same(t, tc.want), asJSON(t, raw))
		})
	}
	mixed := options.FindOne().SetProjection(doc(t, `{"a": 1, "b": 0}`))
	requireCode(t, 31254, coll.FindOne(t.Context(), bson.M{}, mixed).Err())
	collide := options.FindOne().SetProjection(doc(t, `{"b": 1, "b.c": 1}`))
	requireCode(t, 31249, coll.FindOne(t.Context(), bson.M{}, collide).Err())
}
