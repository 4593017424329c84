package podlog

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPositionsAreThoseOfTheFile(t *testing.T) {
	t.Parallel()
	var p position
	var all []position
	for _, at := range []int64{5, 5, 4, 9, 8, 9, 10} {
		before := p
		p = p.next(at)
		require.True(t, p.behind(before))
		require.False(t, before.behind(p))
		require.False(t, p.behind(p))
		all = append(all, p)
	}
	require.Equal(t, []position{{5, 1}, {5, 2}, {5, 3}, {9, 1}, {9, 2}, {9, 3}, {10, 1}}, all)
	require.Equal(t, all[4], all[5].before())
	require.True(t, all[3].behind(all[3].before()))
	require.False(t, all[2].behind(all[3].before()))
	require.True(t, position{}.since().IsZero())
}

func TestEventIDs(t *testing.T) {
	t.Parallel()
	sources := []*source{
		{id: sourceIDOf("web-1", "app"), pos: position{1_800_000_000_123_456_789, 3}},
		{id: sourceIDOf("web-2", "app"), pos: position{1_700_000_000_000_000_000, 1}},
		{id: sourceIDOf("web-3", "app")},
	}
	id := string(appendEventID(nil, sources))
	require.Equal(t, map[sourceID]position{sources[0].id: sources[0].pos, sources[1].id: sources[1].pos}, parseEventID(id))
	require.Empty(t, parseEventID(string(appendEventID(nil, nil))))
	for name, text := range map[string]string{
		"none": "", "of another stream": "log-103", "cut": id[:len(id)-3], "no base64": "äöü", "long": strings.Repeat("A", maxEventID+1),
		"an overlong number": "AAAAAAAAAAAAAAAAAAD_____________________",
	} {
		require.Nil(t, parseEventID(text), name)
	}
}

func FuzzParseEventID(f *testing.F) {
	f.Add(string(appendEventID(nil, []*source{{pos: position{1, 1}}})))
	f.Fuzz(func(t *testing.T, text string) {
		for id, pos := range parseEventID(text) {
			again := parseEventID(string(appendEventID(nil, []*source{{id: id, pos: pos}})))
			if pos != (position{}) && pos.at >= 0 {
				require.Equal(t, pos, again[id])
			}
		}
	})
}

func FuzzPrintable(f *testing.F) {
	for _, s := range []string{"a\x1b[1mb", "\x1b]0;t\a", "\x1b\x1b\x1b[[", "\xff\u2028"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := string(printable(text))
		require.Equal(t, strings.ToValidUTF8(got, ""), got)
		require.NotContains(t, got, "\x1b")
		require.False(t, strings.ContainsAny(got, "\r\n\u2028\u2029"))
	})
}
