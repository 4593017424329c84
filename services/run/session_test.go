package run

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/kinds"
)

// Texts are searched for every typed value, so thousands of long values must
// not make a run's log take minutes.
func TestLogOfManyTypedValuesIsBounded(t *testing.T) {
	t.Parallel()
	const n = 5000
	values := make(map[string]models.Secret, n)
	for i := range n {
		values[fmt.Sprint("k", i)] = models.NewSecret(fmt.Sprintf("%d-%s", i, strings.Repeat("x", 200)))
	}
	typed := models.TriggerData{Secrets: map[string]map[string]models.Secret{"pw": values}}
	s := newSession(models.Run{}, nil, typed, models.Now)
	s.logs = make([]string, maxLogLines)
	formatted := 0
	s.logf("%s", stringerFunc(func() string { formatted++; return "line" }))
	require.Zero(t, formatted, "a full log looks at nothing")
	require.Len(t, s.logs, maxLogLines)

	s.logs = nil
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	s.dropUnlisted(ended, "pw", &kinds.Values{})
	require.Empty(t, s.logs)

	s.logs = make([]string, maxLogLines-2)
	begun := time.Now()
	s.dropUnlisted(t.Context(), "pw", &kinds.Values{})
	require.Len(t, s.logs, maxLogLines)
	require.Less(t, time.Since(begun), 5*time.Second)
}

type stringerFunc func() string

func (f stringerFunc) String() string { return f() }

func TestProgressIsSeenWithinAWave(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *Options) { o.AnswerAfter = time.Millisecond })
	w := r.draw("a:deployment b:deployment")
	goOn := make(chan struct{})
	r.cluster.apply = func(ctx context.Context, name string) error {
		if name == "b" {
			select {
			case <-goOn:
			case <-ctx.Done():
			}
		}
		return ctx.Err()
	}
	run := r.mustRun(w.ID, models.TriggerData{})
	require.Eventually(t, func() bool {
		got, err := r.exec.Get(t.Context(), ann, w.ID, run.ID)
		require.NoError(t, err)
		return got.NodeStates["a"].Status == models.NodeCompleted && got.NodeStates["b"].Status == models.NodeRunning
	}, 10*time.Second, time.Millisecond)
	close(goOn)
	require.Equal(t, models.RunCompleted, r.eventually(w.ID, run.ID).Status)
}
