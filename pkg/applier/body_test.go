package applier

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// TestBodyMeansTheSameInYAML tries every character that could differ, inside
// a text and as a part of a key.
func TestBodyMeansTheSameInYAML(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for r := rune(0); r < 0x3000; r++ {
		all.WriteRune(r)
	}
	for _, r := range []rune{0xd7ff, 0xe000, 0xfdd0, 0xfeff, 0xfffd, 0xfffe, 0xffff, 0x10000, 0x1f600, 0x1fffe, 0x10ffff} {
		all.WriteRune(r)
	}
	want := map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "data": map[string]any{"k": all.String(), "\u0085<\x7f😀": ""}}
	body, err := Body(&unstructured.Unstructured{Object: want})
	require.NoError(t, err)
	for name, read := range map[string]func([]byte, any) error{
		"YAML": func(b []byte, into any) error { return yaml.UnmarshalStrict(b, into) },
		"JSON": json.Unmarshal,
	} {
		var got map[string]any
		require.NoError(t, read(body, &got), name)
		require.Equal(t, want, got, name)
	}
}
