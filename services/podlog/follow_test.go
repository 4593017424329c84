package podlog

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeorch/core/models"
)

var begun = time.Date(2026, 11, 30, 12, 0, 0, 123456789, time.UTC)

// at returns a time some milliseconds after begun.
func at(ms int) time.Time { return begun.Add(time.Duration(ms) * time.Millisecond) }

func pod(t *testing.T) (*rig, string) {
	t.Helper()
	r := newRig(t)
	r.cluster.run("web", "", "app")
	return r, r.resources.add("Pod", "web")
}

func TestHistoryAndNewLinesJoinWithoutGapOrDuplicate(t *testing.T) {
	t.Parallel()
	r, id := pod(t)
	r.cluster.print("web", "app", at(0), numbered(0, 100)...)
	v := watch(t, r.Manager, id, models.LogQuery{Follow: true, Tail: 60})
	stop := make(chan struct{})
	printed := make(chan int)
	go func() { // lines of one time, several together, while views begin; a feed keeps that many
		n := 100
		for ; n < 15_000; n += 3 {
			select {
			case <-stop:
				printed <- n
				return
			default:
				r.cluster.print("web", "app", at(n/10), numbered(n, n+3)...)
			}
		}
		printed <- n
	}()
	v.lines(1)
	close(stop)
	n := <-printed
	others := watch(t, r.Manager, id, models.LogQuery{Follow: true, Tail: 5000})
	r.cluster.print("web", "app", at(n), numbered(n, n+10)...)
	v.until("the last line", func(f []frame) bool { return strings.HasSuffix(f[len(f)-1].data, fmt.Sprintf("line %d", n+9)) })
	got := messages(v.frames)
	first := strings.TrimPrefix(got[0], "line ")
	var from int
	_, err := fmt.Sscan(first, &from)
	require.NoError(t, err)
	require.GreaterOrEqual(t, from, 40)
	require.Equal(t, numbered(from, n+10), got)
	others.until("the last line", func(f []frame) bool {
		return len(f) > 0 && strings.HasSuffix(f[len(f)-1].data, fmt.Sprintf("line %d", n+9))
	})
	all := messages(others.frames)
	require.Equal(t, numbered(n+10-len(all), n+10), all)
	require.EqualValues(t, 1, r.cluster.follows.Load(), "both share one")
	require.Equal(t, at(n).Format(time.RFC3339Nano)+fmt.Sprintf(" line %d", n+9), v.frames[len(v.frames)-1].data)
}

// What the cluster closes is followed again, from the line that came last.
func TestAConnectionThatBreaksIsMadeAgain(t *testing.T) {
	t.Parallel()
	r, id := pod(t)
	v := watch(t, r.Manager, id, models.LogQuery{Follow: true})
	n := 0
	for round := range 4 {
		// Out of order, as lines of stdout and stderr may be, and many of one time.
		r.cluster.print("web", "app", at(10*round+5), numbered(n, n+3)...)
		r.cluster.print("web", "app", at(10*round+4), numbered(n+3, n+6)...)
		v.lines(n + 6)
		r.cluster.cut()
		r.cluster.print("web", "app", at(10*round+4), numbered(n+6, n+7)...)
		r.cluster.print("web", "app", at(10*round+5), numbered(n+7, n+8)...)
		n += 8
		require.Equal(t, numbered(0, n), v.lines(n))
	}
	for _, f := range v.frames {
		require.NotContains(t, f.data, "half of")
		require.NotEqual(t, "error", f.event, "a short interruption is nothing to tell: %s", f.data)
	}
}

func TestRestartsOfTheContainer(t *testing.T) {
	t.Parallel()
	r, id := pod(t)
	v := watch(t, r.Manager, id, models.LogQuery{Follow: true})
	r.cluster.print("web", "app", at(0), numbered(0, 5)...)
	v.lines(5)
	// Everything between two rounds of the follower: it learns the last words of the
	// former instance from the log of that one.
	r.cluster.change(func() {
		c := r.cluster.pods["web"].containers["app"]
		c.now().ended = true
		c.now().lines = append(c.now().lines, stamped{at(1), "line 5"})
		r.cluster.cuts++
		c.instances = append(c.instances, &logged{lines: []stamped{{at(2), "line 6"}}})
	})
	require.Equal(t, numbered(0, 7), v.lines(7))
	r.cluster.restart("web", "app")
	r.cluster.print("web", "app", at(3), numbered(7, 9)...)
	require.Equal(t, numbered(0, 9), v.lines(9))

	previous := watch(t, r.Manager, id, models.LogQuery{Follow: true, Previous: true})
	require.Equal(t, "these are all lines", previous.ended())
	require.Equal(t, numbered(6, 7), messages(previous.frames))

	r.cluster.finish("web")
	require.Equal(t, "the log has ended", v.ended())
}

func TestAPodOfAStatefulSetIsReplaced(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.cluster.run("db-0", "StatefulSet", "app")
	id := r.resources.add("Pod", "db-0")
	v := watch(t, r.Manager, id, models.LogQuery{Follow: true})
	r.cluster.print("db-0", "app", at(5000), numbered(0, 3)...)
	v.lines(3)
	r.cluster.remove("db-0")
	r.cluster.run("db-0", "StatefulSet", "app")
	r.cluster.print("db-0", "app", at(0), numbered(3, 6)...) // its node's clock is late
	require.Equal(t, numbered(0, 6), v.lines(6))
	v.told("the pod was replaced")
}

func TestAPodThatGoesEndsTheView(t *testing.T) {
	t.Parallel()
	r, id := pod(t)
	r.cluster.print("web", "app", at(0), numbered(0, 3)...)
	v := watch(t, r.Manager, id, models.LogQuery{Follow: true})
	v.lines(3)
	r.cluster.remove("web")
	require.Equal(t, "the log has ended", v.ended())
	require.Equal(t, numbered(0, 3), messages(v.frames))
}

func TestAContainerThatHasNotStarted(t *testing.T) {
	t.Parallel()
	r, id := pod(t)
	r.cluster.change(func() { r.cluster.pods["web"].Status.Phase = corev1.PodPending })
	v := watch(t, r.Manager, id, models.LogQuery{Follow: true})
	require.Equal(t, "app is waiting to start: ImagePullBackOff: no such image", v.told("waiting"))
	r.cluster.change(func() { r.cluster.pods["web"].Status.Phase = corev1.PodRunning })
	r.cluster.print("web", "app", at(0), numbered(0, 3)...)
	require.Equal(t, numbered(0, 3), v.lines(3))
}

// A reader that comes back to any server goes on behind the event that it saw last.
func TestLastEventID(t *testing.T) {
	t.Parallel()
	r, id := pod(t)
	for i := range 30 {
		r.cluster.print("web", "app", at(i/7), numbered(i, i+1)...)
	}
	v := watch(t, r.Manager, id, models.LogQuery{Follow: true})
	v.lines(30)
	logs := slices.DeleteFunc(slices.Clone(v.frames), func(f frame) bool { return f.event != "log" })
	r.cluster.print("web", "app", at(3), numbered(30, 40)...)
	v.lines(40)
	for _, seen := range []int{1, 6, 7, 8, 15, 29, 30} {
		other := manager(t, r.resources, r.deps.Connect)
		again := watch(t, other, id, models.LogQuery{Follow: true, Tail: 50, LastEventID: logs[seen-1].id})
		require.Equal(t, numbered(seen, 40), again.lines(40-seen), "behind line %d", seen-1)
	}
	r.cluster.restart("web", "app")
	r.cluster.print("web", "app", at(9), numbered(40, 45)...)
	again := watch(t, r.Manager, id, models.LogQuery{Follow: true, Tail: 50, LastEventID: logs[14].id})
	require.Equal(t, numbered(15, 45), again.lines(30), "with those of the instance before")

	odd := watch(t, r.Manager, id, models.LogQuery{Follow: true, Tail: 2, LastEventID: "no id of ours"})
	require.Equal(t, numbered(43, 45), odd.lines(2))
}

func TestLinesOfAnyKind(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 500_000)
	for name, tc := range map[string]struct{ printed, want string }{
		"progress bars":                       {"10%\r20%\r30%", "10% 20% 30%"},
		"the end of a line of DOS":            {"done\r", "done"},
		"separators that pages take for ends": {"a\u2028b\u2029c\u0085d", "a b c d"},
		"colours":                             {"\x1b[1;31mERROR\x1b[0m: no", "ERROR: no"},
		"titles and links":                    {"\x1b]0;title\abody \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "body link"},
		"a title without an end":              {"\x1b]0;title", "0;title"},
		"other escapes":                       {"\x1b(Ba\x1bMb\x1b[", "ab"},
		"bytes that are not UTF-8":            {"caf\xe9 \xff\xfe", "caf\ufffd \ufffd\ufffd"},
		"control characters and tabs":         {"a\x00b\x07c\td", "a b c\td"},
		"nothing":                             {"", ""},
		"spaces":                              {"  a ", "  a "},
		"a line of a megabyte":                {long, long},
		"a longer one":                        {strings.Repeat("x", 3<<20), strings.Repeat("x", 1<<20) + " … (2097152 more bytes)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, id := pod(t)
			r.cluster.print("web", "app", at(0), tc.printed, "after")
			v := watch(t, r.Manager, id, models.LogQuery{Follow: true})
			require.Equal(t, []string{tc.want, "after"}, v.lines(2))
			r.cluster.print("web", "app", at(1), tc.printed, "after")
			require.Equal(t, []string{tc.want, "after", tc.want, "after"}, v.lines(4))
		})
	}
}
