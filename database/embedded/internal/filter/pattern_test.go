package filter

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"pgregory.net/rapid"
)

// TestPatternsInAnyCase compares patterns with Go's, also where a character beyond
// ASCII is another case of one in it: ſ is one of s, K (Kelvin) one of k.
func TestPatternsInAnyCase(t *testing.T) {
	t.Parallel()
	text := rapid.StringOf(rapid.RuneFrom([]rune("sSkKabAB-.19ſ\u212Aé")))
	rapid.Check(t, func(rt *rapid.T) {
		have := text.Draw(rt, "text")
		part := text.Draw(rt, "part")
		if len(have) > 0 && rapid.Bool().Draw(rt, "cut from it") {
			part = have[rapid.IntRange(0, len(have)/2).Draw(rt, "from"):]
			part = regexp.MustCompile(`^[^sSkKabAB.19-]+`).ReplaceAllString(part, "")
		}
		pattern := rapid.SampledFrom([]string{"", "^"}).Draw(rt, "anchor") + regexp.QuoteMeta(part)
		query, err := bson.Marshal(bson.M{"v": bson.M{"$regex": pattern, "$options": "i"}})
		require.NoError(rt, err)
		doc, err := bson.Marshal(bson.M{"v": have})
		require.NoError(rt, err)
		f, err := Parse(query)
		require.NoError(rt, err)
		require.Equal(rt, regexp.MustCompile("(?i)"+pattern).MatchString(have), f.Match(doc), "%q in %q", pattern, have)
	})
}
