package models

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func find(before Found[string], docs ...string) Found[string] {
	f := Refind(before, func(raw []byte) ([]string, error) { return strings.SplitAfter(string(raw), "."), nil })
	for _, doc := range docs {
		f.Add([]byte(doc))
	}
	return f.Found()
}

func TestFoundTellsWhetherAnythingDiffers(t *testing.T) {
	t.Parallel()
	before := find(Found[string]{}, "one.", "two.", "three.")
	for name, tc := range map[string]struct {
		docs []string
		same bool
	}{
		"the same documents":        {[]string{"one.", "two.", "three."}, true},
		"another first one":         {[]string{"ONE.", "two.", "three."}, false},
		"another last one":          {[]string{"one.", "two.", "THREE."}, false},
		"another order":             {[]string{"two.", "one.", "three."}, false},
		"the last one is gone":      {[]string{"one.", "two."}, false},
		"the first one is gone":     {[]string{"two.", "three."}, false},
		"one more":                  {[]string{"one.", "two.", "three.", "four."}, false},
		"one more at the beginning": {[]string{"zero.", "one.", "two.", "three."}, false},
		"none":                      {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := find(before, tc.docs...)
			require.Equal(t, tc.same, now.Same(before))
			all, err := now.All()
			require.NoError(t, err)
			require.Equal(t, strings.Join(tc.docs, ""), strings.Join(all, ""))
			kept, err := before.All()
			require.NoError(t, err)
			require.Equal(t, "one.two.three.", strings.Join(kept, ""))
		})
	}
}
