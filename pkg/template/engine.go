// Package template renders Kubernetes objects from values and template files, which
// an operator can read and replace.
//
// The files are Go text/template, but the output of each action is encoded for
// YAML, as html/template does for HTML, and no template can switch that off. Thus
// a value may be any text of a user: the object holds exactly that text, or
// rendering fails.
package template

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	texttemplate "text/template"
	"text/template/parse"
)

// encoder is the name of encode in templates. The engine appends it to every
// pipeline that prints.
const encoder = "_encode"

// maxOutput is the largest output of one template, in bytes. Clusters accept
// objects of 1.5 MB, which escapes can make seven times as long.
const maxOutput = 16 << 20

// Template is one parsed file. It may be used by many goroutines at once.
type Template struct{ t *texttemplate.Template }

// Parse reads a template. name appears in its errors.
//
// Absent and nil values print null, which decodes as absent, so that optional
// values need no condition. In addition to Go's own functions there are:
//
//	default D V     V, or D when V is absent or nil; 0, false and "" are values
//	has M K         whether the map M holds a value other than nil at K
//	quote V         the scalar V as text: 80 becomes "80"
//	base64encode V  the scalar V in base64
//	toYaml V        V itself, for templates written in the style of Helm
func Parse(name, text string) (*Template, error) {
	t, err := texttemplate.New(name).Funcs(functions()).Parse(text)
	if err != nil {
		return nil, err
	}
	for _, one := range t.Templates() {
		if one.Tree != nil {
			escapeList(one.Tree, one.Root)
		}
	}
	return &Template{t}, nil
}

// Execute returns the text for values. It fails when a value cannot be
// encoded or the text grows beyond 16 MiB.
func (t *Template) Execute(values map[string]any) ([]byte, error) {
	var out bytes.Buffer
	if err := t.t.Execute(&limitedBuffer{&out}, values); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// limitedBuffer fails to write beyond maxOutput.
type limitedBuffer struct{ b *bytes.Buffer }

func (l *limitedBuffer) Write(p []byte) (int, error) {
	if l.b.Len()+len(p) > maxOutput {
		return 0, fmt.Errorf("the output exceeds %d bytes", maxOutput)
	}
	return l.b.Write(p)
}

// escapeList appends the encoder to every pipeline below list that prints.
func escapeList(tree *parse.Tree, list *parse.ListNode) {
	if list == nil {
		return
	}
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.ActionNode:
			escapePipe(tree, n.Pipe)
		case *parse.IfNode:
			escapeBranches(tree, &n.BranchNode)
		case *parse.RangeNode:
			escapeBranches(tree, &n.BranchNode)
		case *parse.WithNode:
			escapeBranches(tree, &n.BranchNode)
		}
	}
}

func escapeBranches(tree *parse.Tree, n *parse.BranchNode) {
	escapeList(tree, n.List)
	escapeList(tree, n.ElseList)
}

func escapePipe(tree *parse.Tree, p *parse.PipeNode) {
	if len(p.Decl) > 0 { // an assignment prints nothing
		return
	}
	p.Cmds = append(p.Cmds, &parse.CommandNode{
		NodeType: parse.NodeCommand,
		Pos:      p.Pos,
		Args:     []parse.Node{parse.NewIdentifier(encoder).SetTree(tree).SetPos(p.Pos)},
	})
}

func functions() texttemplate.FuncMap {
	return texttemplate.FuncMap{
		encoder:        encode,
		"default":      orDefault,
		"has":          has,
		"quote":        quote,
		"base64encode": base64encode,
		"toYaml":       func(v any) any { return v },
	}
}

func orDefault(fallback, v any) any {
	if v == nil {
		return fallback
	}
	return v
}

func has(m map[string]any, key string) bool { return m[key] != nil }

func base64encode(v any) (string, error) {
	s, err := quote(v)
	return base64.StdEncoding.EncodeToString([]byte(s)), err
}

// quote returns the text of a scalar.
func quote(v any) (string, error) {
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.String:
		return r.String(), nil
	case reflect.Bool:
		return strconv.FormatBool(r.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.FormatInt(r.Int(), 10), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.FormatUint(r.Uint(), 10), nil
	case reflect.Float32, reflect.Float64:
		return strconv.FormatFloat(r.Float(), 'f', -1, 64), nil
	}
	return "", errors.New("only a text, a number or a truth value can be quoted")
}
