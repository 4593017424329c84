package command

import (
	"context"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
	"github.com/kubeorch/core/database/embedded/internal/query"
	"github.com/kubeorch/core/database/embedded/internal/storage"
)

// pipeline is a parsed aggregation: what to read, then what to do with it.
type pipeline struct {
	search
	stages []stage
}

func (s *Server) aggregate(ctx context.Context, r *request) error {
	ns, err := r.namespace()
	if err != nil {
		return err
	}
	var p *pipeline
	size := int64(firstBatch)
	err = r.options(func(name string, v bsonval.Value) (bool, error) {
		var err error
		switch name {
		case "pipeline":
			p, err = parsePipeline(v)
		case "cursor":
			if n, ok := bsonval.Lookup(v.Data, "batchSize"); ok && bsonval.IsDoc(v) {
				if size, err = count("batchSize", n); size == 0 {
					size = -1
				}
			}
		case "allowDiskUse", "hint", "bypassDocumentValidation":
		default:
			return false, nil
		}
		return true, err
	})
	if err != nil {
		return err
	}
	if p == nil {
		return mongoerr.New(mongoerr.FailedToParse, "BSON field 'aggregate.pipeline' is missing but a required field")
	}
	return s.store.View(func(tx *storage.Tx) error {
		docs, err := s.runPipeline(ctx, tx, ns, p)
		if err != nil {
			return err
		}
		c := &cursor{ns: ns, src: &listSource{docs: docs}, limit: -1}
		return s.reply(ctx, tx, r, c, "firstBatch", int(size), true)
	})
}

// runPipeline keeps the result in memory; it is bounded like a sort.
func (s *Server) runPipeline(ctx context.Context, tx *storage.Tx, ns string, p *pipeline) ([][]byte, error) {
	result := query.NewSorter(nil, 0, nil)
	var failed error
	sink := func(doc []byte) bool {
		failed = result.Add(doc)
		return failed == nil
	}
	chain := link(p.stages, sink, &failed)
	if err := s.each(ctx, tx, ns, p.search, chain); err != nil {
		return nil, err
	}
	if failed != nil {
		return nil, failed
	}
	for i, st := range p.stages {
		if err := st.finish(link(p.stages[i+1:], sink, &failed)); err != nil {
			return nil, err
		}
		if failed != nil {
			return nil, failed
		}
	}
	return result.Sorted(), nil
}

// link joins the stages to one function that takes a document.
func link(stages []stage, sink func([]byte) bool, failed *error) func([]byte) bool {
	if len(stages) == 0 {
		return sink
	}
	next := link(stages[1:], sink, failed)
	return func(doc []byte) bool {
		more, err := stages[0].push(doc, next)
		if err != nil {
			*failed = err
		}
		return more && err == nil
	}
}

// parsePipeline moves a $match, $sort, $skip and $limit at the beginning into
// the search, where indexes serve them.
func parsePipeline(v bsonval.Value) (*pipeline, error) {
	if !bsonval.IsArray(v) {
		return nil, mongoerr.New(mongoerr.TypeMismatch, "'pipeline' option must be specified as an array")
	}
	p := &pipeline{search: allDocs()}
	front := 0 // how many of the search's parts are taken
	for _, e := range bsonval.Fields(v.Data) {
		name, arg, ok := bsonval.First(e.Data)
		if !bsonval.IsDoc(e) || !ok {
			return nil, mongoerr.New(mongoerr.FailedToParse, "each element of the 'pipeline' array must be an object with one stage")
		}
		taken, err := p.absorb(name, arg, &front)
		if err != nil {
			return nil, err
		}
		if taken {
			continue
		}
		front = len(searchOrder())
		st, err := parseStage(name, arg)
		if err != nil {
			return nil, err
		}
		p.stages = append(p.stages, st)
	}
	return p, nil
}

func searchOrder() []string { return []string{"$match", "$sort", "$skip", "$limit"} }

// absorb makes a stage part of the search if it stands where a search does the
// same thing.
func (p *pipeline) absorb(name string, arg bsonval.Value, front *int) (bool, error) {
	for i := *front; i < len(searchOrder()); i++ {
		if searchOrder()[i] != name {
			continue
		}
		*front = i + 1
		var err error
		switch name {
		case "$match":
			err = p.setFilter(name, arg)
		case "$sort":
			err = p.setSort(name, arg)
		case "$skip":
			p.skip, err = count(name, arg)
		case "$limit":
			if p.limit, err = count(name, arg); err == nil && p.limit == 0 {
				err = mongoerr.New(15958, "the limit must be positive")
			}
		}
		return true, err
	}
	return false, nil
}
