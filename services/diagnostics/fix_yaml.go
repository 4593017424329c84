package diagnostics

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	yamlv3 "gopkg.in/yaml.v3"
	"sigs.k8s.io/yaml"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/panics"
)

// Bounds of the YAML of a fix.
const (
	maxYAML      = 32 << 10
	maxYAMLNodes = 2000
	maxProblems  = 10 // that are told of one fix
)

// documents are decoded YAML documents.
type documents []map[string]any

// parseYAML reads documents of plain data. Anchors, aliases and tags are refused: what
// they stand for is not what stands there.
func parseYAML(text string) (docs documents, err error) {
	if len(text) > maxYAML {
		return nil, fmt.Errorf("is longer than %d KB", maxYAML>>10)
	}
	err = panics.ToError(func() error {
		in := yamlv3.NewDecoder(strings.NewReader(text))
		nodes := 0
		for {
			var n yamlv3.Node
			err := in.Decode(&n)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("cannot be read: %w", err)
			}
			if err := plain(&n, &nodes); err != nil {
				return err
			}
			doc, err := decodeNode(&n)
			if err != nil {
				return err
			}
			docs = append(docs, doc)
		}
	})
	if _, panicked := errors.AsType[*panics.Error](err); panicked {
		return nil, errors.New("cannot be read")
	}
	return docs, err
}

// plain refuses what a template never has.
func plain(n *yamlv3.Node, seen *int) error {
	if *seen++; *seen > maxYAMLNodes {
		return fmt.Errorf("holds more than %d values", maxYAMLNodes)
	}
	switch {
	case n.Kind == yamlv3.AliasNode, n.Anchor != "":
		return fmt.Errorf("line %d has an anchor or alias, which is not allowed here", n.Line)
	case n.Style&yamlv3.TaggedStyle != 0:
		return fmt.Errorf("line %d has a tag, which is not allowed here", n.Line)
	}
	for _, c := range n.Content {
		if err := plain(c, seen); err != nil {
			return err
		}
	}
	return nil
}

// decodeNode returns a document with the types of JSON.
func decodeNode(n *yamlv3.Node) (doc map[string]any, err error) {
	var v any
	if err := n.Decode(&v); err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("line %d has a key that is no text", n.Line)
	}
	if err := json.Unmarshal(raw, &doc); err != nil || doc == nil {
		return nil, fmt.Errorf("the document in line %d is no object", n.Line)
	}
	return doc, nil
}

// printYAML is the inverse of parseYAML, with comment lines first.
func (d documents) printYAML(comments ...string) (string, error) {
	var out bytes.Buffer
	for _, c := range comments {
		fmt.Fprintf(&out, "# %s\n", c)
	}
	for i, doc := range d {
		if i > 0 {
			out.WriteString("---\n")
		}
		text, err := yaml.Marshal(doc)
		if err != nil {
			return "", err
		}
		out.Write(text)
	}
	return out.String(), nil
}

// asJSON returns objects with the types of decoded JSON, so that they can be compared.
func asJSON(objects ...map[string]any) (documents, error) {
	raw, err := json.Marshal(objects)
	if err != nil {
		return nil, err
	}
	var out documents
	return out, json.Unmarshal(raw, &out)
}

// foreign returns what posted documents change of the template's apart from the places
// that the fix is about, such as "spec.ports" in the first document.
func foreign(template, posted documents, free string) (p models.Problems) {
	if len(posted) != len(template) {
		p.Addf("yaml", "must hold %d documents as the template does, and holds %d", len(template), len(posted))
		return p
	}
	for i := range template {
		for _, at := range differing(template[i], posted[i], "") {
			if i == 0 && (at == free || strings.HasPrefix(at, free+".") || strings.HasPrefix(at, free+"[")) {
				continue
			}
			if len(p) < maxProblems {
				p.Addf("yaml", "%s must stay as it is in the template: this fix is about %s only", at, free)
			}
		}
	}
	return p
}

// differing returns the paths of what differs between two decoded values.
func differing(a, b any, path string) (paths []string) {
	switch a := a.(type) {
	case map[string]any:
		other, ok := b.(map[string]any)
		if !ok {
			return []string{orRoot(path)}
		}
		keys := map[string]bool{}
		for k := range a {
			keys[k] = true
		}
		for k := range other {
			keys[k] = true
		}
		for _, k := range slices.Sorted(maps.Keys(keys)) {
			va, inA := a[k]
			vb, inB := other[k]
			at := strings.TrimPrefix(path+"."+printableKey(k), ".")
			if inA != inB {
				paths = append(paths, at)
				continue
			}
			paths = append(paths, differing(va, vb, at)...)
		}
		return paths
	case []any:
		other, ok := b.([]any)
		if !ok || len(a) != len(other) {
			return []string{orRoot(path)}
		}
		for i := range a {
			paths = append(paths, differing(a[i], other[i], fmt.Sprintf("%s[%d]", path, i))...)
		}
		return paths
	}
	if !reflect.DeepEqual(a, b) {
		return []string{orRoot(path)}
	}
	return nil
}

func orRoot(path string) string {
	if path == "" {
		return "the document"
	}
	return path
}

// printableKey bounds a key of somebody's YAML in a message.
func printableKey(k string) string {
	const longest = 60
	if len(k) > longest {
		k = strings.ToValidUTF8(k[:longest], "") + "…"
	}
	return k
}

// at returns what is at keys, or nil.
func at(doc map[string]any, keys ...string) any {
	var v any = doc
	for _, k := range keys {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}
