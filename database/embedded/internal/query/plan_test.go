package query

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/filter"
	"github.com/kubeorch/core/database/embedded/internal/storage"
)

func raw(t *testing.T, text string) []byte {
	t.Helper()
	var d bson.D
	require.NoError(t, bson.UnmarshalExtJSON([]byte(text), false, &d), "in %s", text)
	out, err := bson.Marshal(d)
	require.NoError(t, err)
	return out
}

// collection has one index for each specification; their names are numbers.
func collection(t *testing.T, specs ...string) *storage.Collection {
	t.Helper()
	c := &storage.Collection{Name: "db.c"}
	for i, spec := range specs {
		ix, err := storage.NewIndex(raw(t, strings.Replace(spec, "{", fmt.Sprintf(`{"name": "%d", `, i), 1)))
		require.NoError(t, err)
		ix.Multikey = strings.Contains(spec, "tags")
		c.Indexes = append(c.Indexes, ix)
	}
	return c
}

// describePlan writes a plan: index, how many ranges, merged, backwards, sorted.
func describePlan(p Plan) string {
	words := []string{"_id"}
	if p.index != nil {
		words[0] = p.index.Name
	}
	if !p.bounded {
		words = append(words, "all")
	} else if n := len(p.ranges); n > 1 {
		words = append(words, fmt.Sprint(n))
	}
	if p.merge {
		words = append(words, "merged")
	}
	if p.reverse {
		words = append(words, "backwards")
	}
	if p.sorted {
		words = append(words, "sorted")
	}
	return strings.Join(words, " ")
}

func TestChoose(t *testing.T) {
	t.Parallel()
	c := collection(t,
		`{"key": {"owner": 1, "at": -1}}`,
		`{"key": {"owner": 1, "name": 1}, "unique": true}`,
		`{"key": {"lease": 1}, "partialFilterExpression": {"status": "running"}}`,
		`{"key": {"tags": 1, "at": 1}}`,
		`{"key": {"word": 1}}`,
		`{"key": {"cluster": 1, "deleted": 1, "kind": 1, "at": -1, "_id": -1}}`,
	)
	in := func(field string, n int) string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprint(i)
		}
		return fmt.Sprintf(`"%s": {"$in": [%s]}`, field, strings.Join(list, ", "))
	}
	for name, tc := range map[string]struct{ query, sort, want string }{
		"everything":                       {`{}`, `{}`, "_id all sorted"},
		"by _id":                           {`{"_id": "x", "owner": "o", "name": "n"}`, `{}`, "_id sorted"},
		"several _id":                      {`{"_id": {"$in": ["x", "y"]}}`, `{}`, "_id 2 sorted"},
		"unique key":                       {`{"owner": "o", "name": "n"}`, `{"at": -1}`, "1 sorted"},
		"newest of an owner":               {`{"owner": "o"}`, `{"at": -1}`, "0 sorted"},
		"oldest of an owner":               {`{"owner": "o"}`, `{"at": 1}`, "0 backwards sorted"},
		"by name of an owner":              {`{"owner": "o", "x": 1}`, `{"name": 1}`, "1 sorted"},
		"owner in the sort":                {`{"owner": "o"}`, `{"owner": -1, "at": -1}`, "0 sorted"},
		"range and its order":              {`{"owner": "o", "at": {"$lt": 5, "$gte": 1}}`, `{"at": -1}`, "0 sorted"},
		"order of all":                     {`{}`, `{"owner": 1, "name": 1}`, "1 all sorted"},
		"order that no index has":          {`{}`, `{"owner": 1, "name": -1}`, "_id all"},
		"order behind several values":      {`{"owner": {"$in": ["o", "p"]}}`, `{"at": -1}`, "0 2 merged sorted"},
		"order of several values":          {`{"owner": {"$in": ["o", "p"]}}`, `{"owner": 1, "at": -1}`, "0 2 sorted"},
		"most ranges that are merged":      {`{` + in("owner", 200) + `}`, `{"at": 1}`, "0 200 merged backwards sorted"},
		"too many ranges to be merged":     {`{` + in("owner", 201) + `}`, `{"at": -1}`, "0 201"},
		"several values of two fields":     {`{` + in("cluster", 3) + `, "deleted": false, ` + in("kind", 2) + `}`, `{"at": -1, "_id": -1}`, "5 6 merged sorted"},
		"order by one of two":              {`{` + in("cluster", 3) + `, "deleted": false, ` + in("kind", 2) + `}`, `{"kind": -1, "at": 1}`, "5 6 merged backwards sorted"},
		"order over one of two":            {`{` + in("cluster", 3) + `, "deleted": false, ` + in("kind", 2) + `}`, `{"cluster": 1, "at": -1}`, "5 6"},
		"order that no range has":          {`{` + in("cluster", 3) + `, "deleted": false, "kind": 1}`, `{"at": -1, "_id": 1}`, "5 3"},
		"merge of parts of ranges":         {`{` + in("cluster", 3) + `, "deleted": false, "kind": 1, "at": {"$lt": 5}}`, `{"at": -1}`, "5 3 merged sorted"},
		"no values at all":                 {`{` + in("owner", 0) + `}`, `{"at": -1}`, "0 merged sorted"},
		"null":                             {`{"owner": null}`, `{"at": -1}`, "0 sorted"},
		"prefix of a text":                 {`{"word": {"$regex": "^ab"}}`, `{"word": 1}`, "4 sorted"},
		"middle of a text":                 {`{"word": {"$regex": "ab"}}`, `{}`, "_id all sorted"},
		"partial":                          {`{"status": "running", "lease": {"$lt": 5}}`, `{"lease": 1}`, "2 sorted"},
		"all of a partial index":           {`{"status": "running"}`, `{}`, "2 sorted"},
		"partial that does not cover":      {`{"status": {"$in": ["running", "done"]}, "lease": 1}`, `{}`, "_id all sorted"},
		"lists do not give an order":       {`{"tags": "x"}`, `{"at": 1}`, "3"},
		"bounds beat the order":            {`{"owner": "o"}`, `{"_id": 1}`, "0"},
		"conditions that cannot be bounds": {`{"owner": {"$ne": "o"}, "name": {"$regex": "x"}}`, `{}`, "_id all sorted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := filter.Parse(raw(t, tc.query))
			require.NoError(t, err)
			sort, err := bsonval.ParseSort(raw(t, tc.sort))
			require.NoError(t, err)
			require.Equal(t, tc.want, describePlan(Choose(c, f, sort)))
		})
	}
}

// TestExact is about the queries that an index answers without documents.
func TestExact(t *testing.T) {
	t.Parallel()
	c := collection(t,
		`{"key": {"owner": 1, "kind": 1, "at": -1}}`,
		`{"key": {"tags": 1}}`,
		`{"key": {"lease": 1}, "partialFilterExpression": {"status": "running", "n": {"$gte": 5}}}`,
	)
	for name, tc := range map[string]struct {
		query string
		want  bool
	}{
		"everything":                       {`{}`, true},
		"a value":                          {`{"owner": "o"}`, true},
		"values of several fields":         {`{"owner": {"$in": ["o", null]}, "kind": {"$in": ["a", 1]}}`, true},
		"no value":                         {`{"owner": {"$in": []}}`, true},
		"several _id":                      {`{"_id": {"$in": [1, 2]}}`, true},
		"all of a partial index":           {`{"status": "running", "n": {"$gte": 5}}`, true},
		"values in a partial index":        {`{"lease": 1, "status": "running", "n": {"$gte": 5}}`, true},
		"less than a partial index":        {`{"lease": 1, "status": "running", "n": {"$gte": 6}}`, false},
		"a range":                          {`{"owner": "o", "kind": {"$lt": 5}}`, false},
		"another field":                    {`{"owner": "o", "name": "n"}`, false},
		"a field behind a gap":             {`{"owner": "o", "at": 1}`, false},
		"two conditions on a field":        {`{"owner": {"$in": ["o", "p"]}, "$and": [{"owner": "o"}]}`, false},
		"a condition that is no bound":     {`{"owner": "o", "kind": {"$ne": "a"}}`, false},
		"a field that is there":            {`{"owner": "o", "kind": {"$exists": true}}`, false},
		"alternatives":                     {`{"owner": "o", "$or": [{"kind": 1}, {"kind": 2}]}`, false},
		"a list in place of a value":       {`{"owner": [1]}`, false},
		"an index with lists":              {`{"tags": "x"}`, false},
		"values of which one is a pattern": {`{"owner": "o", "kind": {"$regex": "^a"}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := filter.Parse(raw(t, tc.query))
			require.NoError(t, err)
			require.Equal(t, tc.want, Choose(c, f, nil).exact)
		})
	}
}
