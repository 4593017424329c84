package template

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	sigsjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// decodeAll reads the documents of text, leaving out empty ones.
func decodeAll(text []byte) ([]*unstructured.Unstructured, error) {
	var objs []*unstructured.Unstructured
	for i, doc := range split(text) {
		obj, err := decode(doc)
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", i+1, err)
		}
		if obj != nil {
			objs = append(objs, obj)
		}
	}
	return objs, nil
}

// split cuts text at its "---" lines. Those come from the template alone:
// an encoded value has no line break.
func split(text []byte) [][]byte {
	var docs [][]byte
	start := 0
	for at := 0; at < len(text); {
		end := len(text)
		if i := bytes.IndexByte(text[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		if bytes.Equal(bytes.TrimRight(text[at:end], " \r\n"), []byte("---")) {
			docs = append(docs, text[start:at])
			start = end
		}
		at = end
	}
	return append(docs, text[start:])
}

// decode reads one document strictly into the type that it names and returns
// that as plain data, or nil for an empty document.
func decode(doc []byte) (*unstructured.Unstructured, error) {
	raw, err := yaml.YAMLToJSONStrict(doc)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(raw, []byte("null")) {
		return nil, nil //nolint:nilnil // an empty document is neither an object nor an error
	}
	var head runtime.TypeMeta
	if err := json.Unmarshal(raw, &head); err != nil {
		return nil, fmt.Errorf("is no object: %w", err)
	}
	typed, err := scheme.Scheme.New(schema.FromAPIVersionAndKind(head.APIVersion, head.Kind))
	if err != nil {
		return nil, err
	}
	strict, err := sigsjson.UnmarshalStrict(raw, typed)
	if err := errors.Join(append(strict, err)...); err != nil {
		return nil, err
	}
	data, err := runtime.DefaultUnstructuredConverter.ToUnstructured(typed)
	if err != nil {
		return nil, err
	}
	removeAdded(data)
	return &unstructured.Unstructured{Object: data}, nil
}

// removeAdded removes what the conversion of a typed object adds to the document:
// the status and null creation times, which a server would take for our fields.
func removeAdded(data map[string]any) {
	delete(data, "status")
	dropNullTimes(data)
}

func dropNullTimes(v any) {
	switch v := v.(type) {
	case map[string]any:
		if t, there := v["creationTimestamp"]; there && t == nil {
			delete(v, "creationTimestamp")
		}
		for _, e := range v {
			dropNullTimes(e)
		}
	case []any:
		for _, e := range v {
			dropNullTimes(e)
		}
	}
}
