package conformance

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"pgregory.net/rapid"

	"github.com/kubeorch/core/database/dbtest"
)

// pair is two collections with the same documents, of which one has indexes.
type pair struct {
	ctx            context.Context // of the whole test
	plain, indexed *mongo.Collection
}

func newPair(t testing.TB, indexes []mongo.IndexModel) pair {
	db := dbtest.Open(t).Database()
	p := pair{t.Context(), db.Collection("plain"), db.Collection("indexed")}
	_, err := p.indexed.Indexes().CreateMany(p.ctx, indexes)
	require.NoError(t, err)
	return p
}

// fill puts the documents in the place of those of the round before.
func (p pair) fill(rt *rapid.T, docs []bson.D) {
	for _, coll := range []*mongo.Collection{p.plain, p.indexed} {
		_, err := coll.DeleteMany(p.ctx, bson.D{})
		require.NoError(rt, err)
		_, err = coll.InsertMany(p.ctx, docs)
		require.NoError(rt, err)
	}
}

func drawDocs(rt *rapid.T, lists int) []bson.D {
	docs := []bson.D{}
	for i := range rapid.IntRange(1, 8).Draw(rt, "documents") {
		docs = append(docs, document(i, lists).Draw(rt, "document"))
	}
	return docs
}

func queriesLikeTheModel(t testing.TB) func(*rapid.T) {
	p := newPair(t, randomIndexes())
	return func(rt *rapid.T) {
		docs := drawDocs(rt, 1)
		p.fill(rt, docs)
		for range 6 {
			p.queryLikeTheModel(rt, docs, query().Draw(rt, "query"), order().Draw(rt, "order"))
		}
	}
}

// queryLikeTheModel counts what q finds among docs, and finds a part of it.
func (p pair) queryLikeTheModel(rt *rapid.T, docs []bson.D, q, by bson.D) {
	show := projection().Draw(rt, "projection")
	o := options.Find().SetSort(by).SetProjection(show).SetBatchSize(rapid.Int32Range(1, 8).Draw(rt, "batch"))
	skip, limit := rapid.IntRange(0, 2).Draw(rt, "skip"), rapid.IntRange(0, 4).Draw(rt, "limit")
	o.SetSkip(int64(skip)).SetLimit(int64(limit))
	want := sorted(slices.DeleteFunc(slices.Clone(docs), func(d bson.D) bool { return !matches(d, q) }), by)
	require.Equal(rt, len(want), p.count(rt, q, options.Count()), "count of %v", q)
	count := options.Count().SetSkip(int64(skip))
	want = want[min(skip, len(want)):]
	if limit > 0 {
		want = want[:min(limit, len(want))]
		count.SetLimit(int64(limit))
	}
	require.Equal(rt, len(want), p.count(rt, q, count), "count of a part of %v", q)
	texts := []string{}
	for _, d := range want {
		if len(show) > 0 {
			d = project(d, show)
		}
		texts = append(texts, canonical(rt, d))
	}
	require.Equal(rt, texts, found(p.ctx, rt, p.plain, q, o), "query %v by %v", q, by)
	require.Equal(rt, texts, found(p.ctx, rt, p.indexed, q, o), "with indexes: query %v by %v", q, by)
}

func (p pair) count(rt *rapid.T, q bson.D, o *options.CountOptionsBuilder) int {
	n, err := p.indexed.CountDocuments(p.ctx, q, o)
	require.NoError(rt, err)
	return int(n)
}

func updatesLikeTheModel(t testing.TB) func(*rapid.T) {
	p := newPair(t, fieldIndexes())
	return func(rt *rapid.T) {
		docs := drawDocs(rt, 3)
		p.fill(rt, docs)
		for range 3 {
			q := query().Draw(rt, "query")
			u := updates().Draw(rt, "update")
			filters := filtersOf(rt, u)
			next, refused := slices.Clone(docs), false
			for i, d := range docs {
				if !matches(d, q) {
					continue
				}
				var err error
				if next[i], err = update(d, u, filters, false); err != nil {
					refused = true
				}
			}
			if _, err := update(bson.D{}, u, filters, false); err != nil && !refused && slices.EqualFunc(docs, next, sameDoc) {
				continue // whether nothing is an error for no document is not settled here
			}
			o := options.UpdateMany()
			if filters != nil {
				o.SetArrayFilters(anys(filters))
			}
			for _, coll := range []*mongo.Collection{p.plain, p.indexed} {
				_, err := coll.UpdateMany(p.ctx, q, u, o)
				require.Equal(rt, refused, err != nil, "update %v with %v of %v: %v", u, filters, q, err)
			}
			if !refused {
				docs = next
			}
			p.requireDocs(rt, docs, u)
		}
	}
}

func sameDoc(a, b bson.D) bool { return compare(a, b) == 0 }

func anys(list []bson.D) []any {
	out := []any{}
	for _, d := range list {
		out = append(out, d)
	}
	return out
}

func (p pair) requireDocs(rt *rapid.T, docs []bson.D, after any) {
	texts := []string{}
	for _, d := range docs {
		texts = append(texts, canonical(rt, d))
	}
	byID := options.Find().SetSort(bson.D{{Key: "_id", Value: 1}})
	require.Equal(rt, texts, found(p.ctx, rt, p.plain, bson.D{}, byID), "after %v", after)
	require.Equal(rt, texts, found(p.ctx, rt, p.indexed, bson.D{}, byID), "with indexes, after %v", after)
}

func upsertsLikeTheModel(t testing.TB) func(*rapid.T) {
	p := newPair(t, fieldIndexes())
	return func(rt *rapid.T) {
		p.fill(rt, []bson.D{{{Key: "_id", Value: int32(0)}}})
		q, u := bson.D{{Key: "_id", Value: int32(1)}}, updates().Draw(rt, "update")
		if filtersOf(rt, u) != nil {
			return
		}
		want := slices.Clone(q)
		var err error
		for _, path := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "a.x", "b", "c"}), 0, 2, rapid.ID[string]).Draw(rt, "demands") {
			v, form := fieldValue().Draw(rt, "value"), rapid.IntRange(0, 3).Draw(rt, "form")
			demand := []any{v, bson.D{{Key: "$eq", Value: v}}, bson.D{{Key: "$in", Value: bson.A{v}}}, bson.D{{Key: "$ne", Value: v}}}[form]
			if d, isDoc := v.(bson.D); form == 0 && isDoc && len(d) == 0 {
				demand = bson.D{{Key: "$eq", Value: v}}
			}
			q = append(q, bson.E{Key: path, Value: demand})
			if form < 3 {
				err = errors.Join(err, demandOf(&want, path, v))
			}
		}
		if err == nil {
			want, err = update(want, u, nil, true)
		}
		for _, coll := range []*mongo.Collection{p.plain, p.indexed} {
			_, got := coll.UpdateOne(p.ctx, q, u, options.UpdateOne().SetUpsert(true))
			require.Equal(rt, err != nil, got != nil, "upsert %v of %v: %v", u, q, got)
		}
		docs := []bson.D{{{Key: "_id", Value: int32(0)}}}
		if err == nil {
			docs = append(docs, want)
		}
		p.requireDocs(rt, docs, u)
	}
}

// demandOf sets what an upsert's query demands, which must be new.
func demandOf(d *bson.D, path string, v any) error {
	if path == "a.x" {
		if get(*d, "a") != any(absent{}) {
			return errRefused
		}
		path, v = "a", bson.D{{Key: "x", Value: v}}
	} else if get(*d, path) != any(absent{}) {
		return errRefused
	}
	*d = append(*d, bson.E{Key: path, Value: v})
	return nil
}

func TestQueriesLikeTheModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, queriesLikeTheModel(t))
}

func TestUpdatesLikeTheModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, updatesLikeTheModel(t))
}

func TestUpsertsLikeTheModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, upsertsLikeTheModel(t))
}

// FuzzModel compares the store with the model: queries, sorts and projections,
// updates and upserts of random documents, with and without indexes.
func FuzzModel(f *testing.F) {
	queries, lists, updates, upserts := queriesLikeTheModel(f), listsLikeTheModel(f), updatesLikeTheModel(f), upsertsLikeTheModel(f)
	f.Fuzz(rapid.MakeFuzz(func(rt *rapid.T) {
		queries(rt)
		lists(rt)
		updates(rt)
		upserts(rt)
	}))
}

func canonical(rt *rapid.T, d any) string {
	out, err := bson.MarshalExtJSON(d, true, false)
	require.NoError(rt, err)
	return string(out)
}

func found(ctx context.Context, rt *rapid.T, coll *mongo.Collection, q any, o *options.FindOptionsBuilder) []string {
	cur, err := coll.Find(ctx, q, o)
	require.NoError(rt, err)
	got := []string{}
	for cur.Next(ctx) {
		got = append(got, canonical(rt, cur.Current))
	}
	require.NoError(rt, cur.Err())
	return got
}
