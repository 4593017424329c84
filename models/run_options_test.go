package models_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

func TestRunOptions(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		in   models.RunOptions
		bad  []string
		wait time.Duration
	}{
		"none":                    {},
		"all":                     {in: models.RunOptions{FailurePolicy: "rollback", Wait: true, WaitTimeoutSeconds: 90}, wait: 90 * time.Second},
		"the default time":        {in: models.RunOptions{Wait: true}, wait: 5 * time.Minute},
		"the longest time":        {in: models.RunOptions{Wait: true, WaitTimeoutSeconds: 1800}, wait: 30 * time.Minute},
		"an unknown policy":       {in: models.RunOptions{FailurePolicy: "Stop"}, bad: []string{"failure_policy"}},
		"too long a wait":         {in: models.RunOptions{Wait: true, WaitTimeoutSeconds: 1801}, bad: []string{"wait_timeout_seconds"}},
		"a time without a wait":   {in: models.RunOptions{WaitTimeoutSeconds: 5}, bad: []string{"wait_timeout_seconds"}},
		"several faults together": {in: models.RunOptions{FailurePolicy: "x", WaitTimeoutSeconds: -1}, bad: []string{"failure_policy", "wait_timeout_seconds"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var fields []string
			for _, p := range tc.in.Check() {
				fields = append(fields, p.Field)
			}
			require.Equal(t, tc.bad, fields)
			if tc.bad == nil {
				require.Equal(t, tc.wait, tc.in.WaitTime())
			}
		})
	}
}
