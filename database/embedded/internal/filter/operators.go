package filter

import (
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
)

// parseOperator reads one {$operator: arg} of a field. The operators around it
// are given for $regex, which shares $options with its neighbour.
func parseOperator(name string, arg bsonval.Value, around []byte, leaf func(Predicate) node) (node, error) {
	switch name {
	case "$eq":
		return leaf(Predicate{Op: Eq, Arg: arg}), nil
	case "$ne":
		return not{leaf(Predicate{Op: Eq, Arg: arg})}, nil
	case "$gt", "$gte", "$lt", "$lte":
		return parseRange(name, arg, leaf)
	case "$in", "$nin":
		return parseIn(name, arg, leaf)
	case "$exists":
		n := leaf(Predicate{Op: Exists})
		if bsonval.Truthy(arg) {
			return n, nil
		}
		return not{n}, nil
	case "$not":
		return parseNot(arg, leaf)
	case "$all":
		return parseAll(arg, leaf)
	case "$elemMatch":
		p, err := parseElemMatch(arg)
		return leaf(p), err
	case "$size":
		n, ok := bsonval.Integer(arg)
		if !ok || n < 0 {
			return nil, mongoerr.New(mongoerr.BadValue, "$size must be a whole number that is not negative")
		}
		return leaf(Predicate{Op: Size, n: n}), nil
	case "$type":
		p, err := parseType(arg)
		return leaf(p), err
	case "$mod":
		p, err := parseMod(arg)
		return leaf(p), err
	case "$regex":
		options, _ := bsonval.Lookup(around, "$options")
		p, err := parseRegex(arg, options)
		return leaf(p), err
	case "$options":
		if _, ok := bsonval.Lookup(around, "$regex"); ok {
			return nil, nil
		}
		return nil, mongoerr.New(mongoerr.BadValue, "$options needs a $regex")
	case "$comment":
		return nil, nil
	}
	return nil, mongoerr.New(mongoerr.BadValue, "unknown operator: %s", name)
}

func equalTo(v bsonval.Value) (Predicate, error) {
	if v.Type == bsoncore.TypeRegex {
		return parseRegex(v, bsonval.Value{})
	}
	return Predicate{Op: Eq, Arg: v}, nil
}

func parseRange(name string, arg bsonval.Value, leaf func(Predicate) node) (node, error) {
	if arg.Type == bsoncore.TypeRegex {
		return nil, mongoerr.New(mongoerr.BadValue, "Can't have RegEx as arg to predicate over field '%s'.", name)
	}
	p := Predicate{Op: Gt, Arg: arg}
	switch name {
	case "$gte":
		p.Op = Gte
	case "$lt":
		p.Op = Lt
	case "$lte":
		p.Op = Lte
	}
	return leaf(p), nil
}

func parseIn(name string, arg bsonval.Value, leaf func(Predicate) node) (node, error) {
	if !bsonval.IsArray(arg) {
		return nil, mongoerr.New(mongoerr.BadValue, "%s needs an array", name)
	}
	p := Predicate{Op: In}
	for _, v := range bsonval.Fields(arg.Data) {
		if bsonval.IsDoc(v) && hasOperators(v.Data) {
			return nil, mongoerr.New(mongoerr.BadValue, "cannot nest $ under %s", name)
		}
		if v.Type != bsoncore.TypeRegex {
			p.Args = append(p.Args, v)
			continue
		}
		re, err := parseRegex(v, bsonval.Value{})
		if err != nil {
			return nil, err
		}
		p.regexes = append(p.regexes, re)
	}
	p.sortArgs()
	if name == "$nin" {
		return not{leaf(p)}, nil
	}
	return leaf(p), nil
}

func parseNot(arg bsonval.Value, leaf func(Predicate) node) (node, error) {
	switch {
	case arg.Type == bsoncore.TypeRegex:
	case bsonval.IsDoc(arg) && hasOperators(arg.Data):
	default:
		return nil, mongoerr.New(mongoerr.BadValue, "$not needs a regex or a document")
	}
	n, err := parseCondition(arg, leaf)
	if err != nil {
		return nil, err
	}
	return not{n}, nil
}

func parseAll(arg bsonval.Value, leaf func(Predicate) node) (node, error) {
	if !bsonval.IsArray(arg) {
		return nil, mongoerr.New(mongoerr.BadValue, "$all needs an array")
	}
	if bsonval.Empty(arg.Data) {
		return none{}, nil
	}
	var all and
	for _, v := range bsonval.Fields(arg.Data) {
		if bsonval.IsDoc(v) && hasOperators(v.Data) {
			name, sub, _ := bsonval.First(v.Data)
			if name != "$elemMatch" {
				return nil, mongoerr.New(mongoerr.BadValue, "no $ expressions in $all")
			}
			p, err := parseElemMatch(sub)
			if err != nil {
				return nil, err
			}
			all = append(all, leaf(p))
			continue
		}
		p, err := equalTo(v)
		if err != nil {
			return nil, err
		}
		all = append(all, leaf(p))
	}
	return all, nil
}

// parseElemMatch reads either conditions on the elements themselves
// ({$gt: 1, $lt: 5}) or a query on elements that are documents.
func parseElemMatch(arg bsonval.Value) (Predicate, error) {
	if !bsonval.IsDoc(arg) {
		return Predicate{}, mongoerr.New(mongoerr.BadValue, "$elemMatch needs an Object")
	}
	if !hasOperators(arg.Data) || isLogical(arg.Data) {
		n, err := parseDoc(arg.Data)
		return Predicate{Op: ElemMatch, docs: n}, err
	}
	n, err := parseCondition(arg, func(p Predicate) node { return onValue{p} })
	return Predicate{Op: ElemMatch, vals: n}, err
}

func isLogical(doc []byte) bool {
	name, _, _ := bsonval.First(doc)
	return name == "$and" || name == "$or" || name == "$nor"
}

// onValue applies a condition to a value that was wrapped by wrapValue.
type onValue struct{ Predicate }

func (o onValue) match(wrapped []byte) bool {
	_, v, _ := bsonval.First(wrapped)
	return o.matchNested(v)
}

func wrapValue(v bsonval.Value) []byte {
	idx, dst := bsoncore.AppendDocumentStart(make([]byte, 0, len(v.Data)+8))
	return bsonval.End(bsoncore.AppendValueElement(dst, "", v), idx)
}

func parseType(arg bsonval.Value) (Predicate, error) {
	p := Predicate{Op: Type}
	list := []bsonval.Value{arg}
	if bsonval.IsArray(arg) {
		list = bsonval.Elements(arg.Data)
	}
	if len(list) == 0 {
		return p, mongoerr.New(mongoerr.FailedToParse, "$type must match at least one type")
	}
	for _, v := range list {
		types, err := typesOf(v)
		if err != nil {
			return p, err
		}
		p.types = append(p.types, types...)
	}
	return p, nil
}

func typesOf(v bsonval.Value) ([]bsoncore.Type, error) {
	if name, ok := v.StringValueOK(); ok {
		if name == "number" {
			return []bsoncore.Type{bsoncore.TypeDouble, bsoncore.TypeInt32, bsoncore.TypeInt64, bsoncore.TypeDecimal128}, nil
		}
		if t, ok := bsonval.TypeNames()[name]; ok {
			return []bsoncore.Type{t}, nil
		}
		return nil, mongoerr.New(mongoerr.BadValue, "Unknown type name alias: %s", name)
	}
	n, ok := bsonval.Integer(v)
	if !ok {
		return nil, mongoerr.New(mongoerr.TypeMismatch, "type must be represented as a number or a string")
	}
	for _, t := range bsonval.TypeNames() {
		if int64(int8(t)) == n {
			return []bsoncore.Type{t}, nil
		}
	}
	return nil, mongoerr.New(mongoerr.BadValue, "Invalid numerical type code: %d", n)
}

func parseMod(arg bsonval.Value) (Predicate, error) {
	bad := mongoerr.New(mongoerr.BadValue, "malformed mod, needs to be an array of a divisor other than 0 and a remainder")
	if !bsonval.IsArray(arg) {
		return Predicate{}, bad
	}
	list := bsonval.Elements(arg.Data)
	if len(list) != 2 {
		return Predicate{}, bad
	}
	div, ok1 := bsonval.Integer(list[0])
	rem, ok2 := bsonval.Integer(list[1])
	if !ok1 || !ok2 || div == 0 {
		return Predicate{}, bad
	}
	return Predicate{Op: Mod, n: div, rem: rem}, nil
}
