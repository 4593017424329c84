package command

import (
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/filter"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
	"github.com/kubeorch/core/database/embedded/internal/query"
)

// stage takes documents one by one and gives others to next. Next reports
// whether it wants more. finish is called once, after the last document.
type stage interface {
	push(doc []byte, next func([]byte) bool) (more bool, err error)
	finish(next func([]byte) bool) error
}

func parseStage(name string, arg bsonval.Value) (stage, error) {
	var q search
	var err error
	switch name {
	case "$match":
		err = q.setFilter(name, arg)
		return matchStage{q.filter}, err
	case "$sort":
		err = q.setSort(name, arg)
		return &sortStage{query.NewSorter(q.sort, 0, nil)}, err
	case "$skip":
		n, err := count(name, arg)
		return &skipStage{n}, err
	case "$limit":
		n, err := count(name, arg)
		if err == nil && n == 0 {
			err = mongoerr.New(15958, "the limit must be positive")
		}
		return &limitStage{n}, err
	case "$project":
		p, err := projection(name, arg)
		if err == nil && p == nil {
			err = mongoerr.New(51272, "Invalid $project :: caused by :: projection specification must have at least one field")
		}
		return projectStage{p}, err
	case "$count":
		field, ok := arg.StringValueOK()
		if !ok || field == "" || field[0] == '$' {
			return nil, mongoerr.New(40156, "the count field must be a non-empty string without $")
		}
		return &countStage{field: field}, nil
	case "$group":
		return parseGroup(arg)
	}
	return nil, mongoerr.New(40324, "Unrecognized pipeline stage name: '%s'", name)
}

type matchStage struct{ filter *filter.Filter }

func (st matchStage) push(doc []byte, next func([]byte) bool) (bool, error) {
	return !st.filter.Match(doc) || next(doc), nil
}
func (matchStage) finish(func([]byte) bool) error { return nil }

type sortStage struct{ *query.Sorter }

func (st *sortStage) push(doc []byte, _ func([]byte) bool) (bool, error) { return true, st.Add(doc) }
func (st *sortStage) finish(next func([]byte) bool) error {
	for _, doc := range st.Sorted() {
		if !next(doc) {
			break
		}
	}
	return nil
}

type skipStage struct{ left int64 }

func (st *skipStage) push(doc []byte, next func([]byte) bool) (bool, error) {
	if st.left > 0 {
		st.left--
		return true, nil
	}
	return next(doc), nil
}
func (*skipStage) finish(func([]byte) bool) error { return nil }

type limitStage struct{ left int64 }

func (st *limitStage) push(doc []byte, next func([]byte) bool) (bool, error) {
	if st.left == 0 {
		return false, nil
	}
	st.left--
	return next(doc) && st.left > 0, nil
}
func (*limitStage) finish(func([]byte) bool) error { return nil }

type projectStage struct{ p *query.Projection }

func (st projectStage) push(doc []byte, next func([]byte) bool) (bool, error) {
	return next(st.p.Append(nil, doc)), nil
}
func (projectStage) finish(func([]byte) bool) error { return nil }

type countStage struct {
	field string
	n     int64
}

func (st *countStage) push([]byte, func([]byte) bool) (bool, error) { st.n++; return true, nil }
func (st *countStage) finish(next func([]byte) bool) error {
	if st.n > 0 {
		next(bsoncore.BuildDocument(nil, appendCount(nil, st.field, st.n)))
	}
	return nil
}
