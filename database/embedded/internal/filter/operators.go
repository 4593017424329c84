package filter

import (
	"bytes"
	"regexp"
	"strings"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/mongoerr"
)

// parseOperator reads one {$operator: arg} of a field. The operators around it
// are given for $regex and $options, which belong together. It returns nil for
// an operator that its neighbour has read.
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
		return parseExists(arg, leaf)
	case "$not":
		return parseNot(arg, leaf)
	case "$elemMatch":
		p, err := parseElemMatch(arg)
		return leaf(p), err
	case "$size":
		n, ok := bsonval.Integer(arg)
		if !ok || n < 0 {
			return nil, mongoerr.New(mongoerr.BadValue, "$size must be a whole number that is not negative")
		}
		return leaf(Predicate{Op: Size, size: n}), nil
	case "$regex":
		options, _ := bsonval.Lookup(around, "$options")
		p, err := parseRegex(arg, options)
		return leaf(p), err
	case "$options":
		if _, ok := bsonval.Lookup(around, "$regex"); ok {
			return nil, nil
		}
		return nil, mongoerr.New(mongoerr.BadValue, "$options needs a $regex")
	}
	return nil, mongoerr.New(mongoerr.BadValue, "unknown or unsupported operator: %s", name)
}

func parseRange(name string, arg bsonval.Value, leaf func(Predicate) node) (node, error) {
	switch arg.Type {
	case bsoncore.TypeInt32, bsoncore.TypeInt64, bsoncore.TypeDouble, bsoncore.TypeString, bsoncore.TypeDateTime, bsoncore.TypeObjectID:
	default:
		return nil, mongoerr.New(mongoerr.BadValue, "%s with a value of type %s is not supported", name, bsonval.TypeName(arg.Type))
	}
	ops := map[string]Op{"$gt": Gt, "$gte": Gte, "$lt": Lt, "$lte": Lte}
	return leaf(Predicate{Op: ops[name], Arg: arg}), nil
}

func parseIn(name string, arg bsonval.Value, leaf func(Predicate) node) (node, error) {
	if !bsonval.IsArray(arg) {
		return nil, mongoerr.New(mongoerr.BadValue, "%s needs an array", name)
	}
	p := Predicate{Op: In}
	for _, v := range bsonval.Fields(arg.Data) {
		if hasOperators(v) {
			return nil, mongoerr.New(mongoerr.BadValue, "cannot nest $ under %s", name)
		}
		p.Args = append(p.Args, v)
	}
	p.sortArgs()
	if name == "$nin" {
		return not{leaf(p)}, nil
	}
	return leaf(p), nil
}

func parseExists(arg bsonval.Value, leaf func(Predicate) node) (node, error) {
	on, ok := arg.BooleanOK()
	if !ok {
		return nil, mongoerr.New(mongoerr.BadValue, "$exists with a value of type %s is not supported", bsonval.TypeName(arg.Type))
	}
	if n := leaf(Predicate{Op: Exists}); on {
		return n, nil
	}
	return not{leaf(Predicate{Op: Exists})}, nil
}

func parseNot(arg bsonval.Value, leaf func(Predicate) node) (node, error) {
	if !hasOperators(arg) {
		return nil, mongoerr.New(mongoerr.BadValue, "$not needs a document of operators")
	}
	for k := range bsonval.Fields(arg.Data) {
		if name := string(k); name == "$not" || name == "$ne" || name == "$nin" {
			return nil, mongoerr.New(mongoerr.BadValue, "$not around %s is not supported", name)
		}
	}
	n, err := parseCondition(arg, leaf)
	if err != nil {
		return nil, err
	}
	return not{n}, nil
}

// parseElemMatch reads either conditions on the elements themselves
// ({$gt: 1, $lt: 5}) or a query on elements that are documents.
func parseElemMatch(arg bsonval.Value) (Predicate, error) {
	if !bsonval.IsDoc(arg) {
		return Predicate{}, mongoerr.New(mongoerr.BadValue, "$elemMatch needs an Object")
	}
	if !hasOperators(arg) || isLogical(arg) {
		n, err := parseDoc(arg.Data)
		return Predicate{Op: ElemMatch, docs: n}, err
	}
	n, err := parseCondition(arg, func(p Predicate) node { return onValue{p} })
	return Predicate{Op: ElemMatch, vals: n}, err
}

// parseRegex reads a pattern that means the same to MongoDB's PCRE and to Go's
// RE2: a text, with a backslash before punctuation that stands for itself,
// perhaps after a ^. The only option is i.
func parseRegex(arg, options bsonval.Value) (Predicate, error) {
	pattern, ok := arg.StringValueOK()
	flags, isString := options.StringValueOK()
	if !ok || options.Type != 0 && !isString {
		return Predicate{}, mongoerr.New(mongoerr.BadValue, "$regex and $options have to be strings")
	}
	if flags != "" && flags != "i" {
		return Predicate{}, mongoerr.New(mongoerr.BadValue, "the $options %q are not supported, only i is", flags)
	}
	text, anchored := strings.CutPrefix(pattern, "^")
	literal, ok := literalOf(text)
	if !ok {
		return Predicate{}, mongoerr.New(mongoerr.BadValue, "the $regex %q is not supported, only a literal text that may begin with ^ is", pattern)
	}
	p := Predicate{Op: Regex}
	expr := regexp.QuoteMeta(literal)
	if anchored {
		expr = "^" + expr
	}
	if flags == "i" {
		expr = "(?i)" + expr
		if !anchored && isASCII([]byte(literal)) {
			p.fold = bytes.ToLower([]byte(literal))
		}
	} else if anchored {
		p.Prefix = literal
	}
	var err error
	if p.re, err = regexp.Compile(expr); err != nil {
		return p, mongoerr.New(mongoerr.BadRegex, "Regular expression is invalid: %v", err)
	}
	return p, nil
}

// literalOf returns the text that a pattern without any operator matches.
func literalOf(pattern string) (string, bool) {
	var text strings.Builder
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		switch {
		case c == 0:
			return "", false
		case c == '\\':
			if i++; i == len(pattern) || pattern[i] <= ' ' || pattern[i] >= 0x7F || isWord(pattern[i]) {
				return "", false
			}
			c = pattern[i]
		case strings.IndexByte(`.^$*+?()[]{}|`, c) >= 0:
			return "", false
		}
		text.WriteByte(c)
	}
	return text.String(), true
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}
