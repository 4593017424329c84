package status

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestExtractEvent(t *testing.T) {
	t.Parallel()
	about := map[string]any{"kind": "Pod", "namespace": "shop", "name": "web-1"}
	at := time.Date(2024, 5, 1, 10, 1, 0, 0, time.UTC)
	want := &Event{Kind: "Pod", Namespace: "shop", Name: "web-1", Reason: "FailedMount", Text: "no password=[hidden]", Times: 4, Last: at}
	for name, o := range map[string]map[string]any{
		"v1": {"involvedObject": about, "reason": "FailedMount", "message": "no\npassword=hunter2", "count": int64(4), "lastTimestamp": "2024-05-01T10:01:00Z"},
		"v1 without lastTimestamp": {"involvedObject": about, "reason": "FailedMount", "message": "no password=a", "count": int64(4),
			"lastTimestamp": nil, "eventTime": "2024-05-01T10:01:00.000000Z"},
		"events.k8s.io": {"regarding": about, "reason": "FailedMount", "note": "no password=a", "eventTime": "2024-05-01T09:00:00.000000Z",
			"series": map[string]any{"count": int64(4), "lastObservedTime": "2024-05-01T10:01:00.000000Z"}},
	} {
		require.Equal(t, want, ExtractEvent(&unstructured.Unstructured{Object: o}), name)
	}
	for _, o := range []map[string]any{
		{}, {"involvedObject": about, "reason": "Scheduled"}, {"involvedObject": map[string]any{"kind": "Node"}, "reason": "FailedMount"},
	} {
		require.Nil(t, ExtractEvent(&unstructured.Unstructured{Object: o}), "most events concern no status")
	}
}

func TestJobOwner(t *testing.T) {
	t.Parallel()
	for job, want := range map[string]string{"web-28570000": "web", "my-web-1": "my-web", "web": "", "web-x": "", "web-": "", "-1": ""} {
		owner, ok := JobOwner(job)
		require.Equal(t, want != "", ok, job)
		if ok {
			require.Equal(t, want, owner)
		}
	}
}

func TestEventsOfForeignKinds(t *testing.T) {
	t.Parallel()
	event := func(apiVersion, kind, eventType string) *Event {
		return ExtractEvent(&unstructured.Unstructured{Object: map[string]any{
			"involvedObject": map[string]any{"apiVersion": apiVersion, "kind": kind, "name": "web", "uid": "1"},
			"reason":         "Stuck", "type": eventType, "message": "it is stuck",
		}})
	}
	require.Equal(t, &Event{Name: "web", UID: "1", Reason: "Stuck", Text: "it is stuck", Warning: true, Times: 1},
		event("example.com/v1", "Widget", "Warning"))
	require.Equal(t, &Event{Name: "web", UID: "1", Reason: "Stuck", Times: 1}, event("example.com/v1", "Service", "Normal"))
	require.Nil(t, event("apps/v1", "StatefulSet", "Warning"), "no status speaks of it")
	require.NotNil(t, event("networking.k8s.io/v1", "Ingress", "Warning"))
}

func TestClaimOwners(t *testing.T) {
	t.Parallel()
	for claim, want := range map[string][]string{
		"data-db-0":        {"db"},
		"my-data-my-db-12": {"data-my-db", "my-db", "db"},
		"data-db":          nil,
		"data":             nil,
		"0":                nil,
		"-0":               nil,
		"":                 nil,
	} {
		require.Equal(t, want, ClaimOwners(claim), claim)
	}
}
