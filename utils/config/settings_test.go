package config

import (
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

const example = "../../config.yaml.example"

// described returns the default of every setting that has a value.
func described() map[string]string {
	defaults := map[string]string{}
	for _, s := range settings(reflect.TypeFor[Config](), "") {
		if !s.parent {
			defaults[s.key] = s.value
		}
	}
	return defaults
}

func TestExampleHoldsTheDefaults(t *testing.T) {
	t.Parallel()
	want, err := Load("", env())
	require.NoError(t, err)
	got, err := Load(example, env())
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// TestExampleExplainsEverySetting reads the example, with its provider that is
// commented out, and compares the keys.
func TestExampleExplainsEverySetting(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(example)
	require.NoError(t, err)
	provider := regexp.MustCompile(`(?m)^  # (- |  |    )([A-Z])`).ReplaceAllString(string(text), "    $1$2")
	provider = strings.Replace(provider, "  PROVIDERS: []\n", "", 1)
	provider = strings.Replace(provider, "    - NAME:", "  PROVIDERS:\n    - NAME:", 1)
	var doc map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(provider), &doc))
	keys := map[string]bool{"AUTH.PROVIDERS": true}
	collectKeys(doc, "", keys)
	require.ElementsMatch(t, slices.Collect(maps.Keys(described())), slices.Collect(maps.Keys(keys)))

	above := ""
	for line := range strings.Lines(string(text)) {
		if regexp.MustCompile(`^ *[A-Z_]+: +\S`).MatchString(line) && !strings.Contains(line, "RATE_LIMIT_BURST") {
			require.Contains(t, above, "#", "no comment above %s", line)
		}
		above = line
	}
}

// collectKeys adds the keys in value, as settings spells them, to keys.
func collectKeys(value any, key string, keys map[string]bool) {
	switch v := value.(type) {
	case map[string]any:
		for name, below := range v {
			collectKeys(below, strings.TrimPrefix(key+"."+name, "."), keys)
		}
	case []any:
		if len(v) > 0 && reflect.TypeOf(v[0]).Kind() == reflect.Map {
			collectKeys(v[0], key+"[]", keys)
			return
		}
		keys[key] = true
	default:
		keys[key] = true
	}
}

// TestSettingsTable holds docs/settings.md against the code: the same keys
// with the same defaults, and a meaning for each.
func TestSettingsTable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/settings.md")
	require.NoError(t, err)
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z_.\\[\\]]+)` \\| (?:`([^`]*)`)? ?\\| (\\S.+) \\|$").FindAllStringSubmatch(string(text), -1) {
		require.NotContains(t, documented, row[1], "twice")
		documented[row[1]] = row[2]
	}
	require.Equal(t, described(), documented)
}
