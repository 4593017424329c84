package stream

import (
	"testing"

	"github.com/kubeorch/core/models"
)

// BenchmarkPublish is one event to 100 readers of one stream, who take it.
func BenchmarkPublish(b *testing.B) {
	events := NewBroadcaster()
	defer events.Close()
	var subs []*Subscription
	for range 100 {
		s, err := events.Subscribe("workflow:w1", "")
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		subs = append(subs, s)
	}
	update := models.NodeUpdate{NodeID: "node-1", Type: "deployment", Status: map[string]any{"state": "healthy", "replicas": 3}}
	var buf [][]byte
	for b.Loop() {
		if err := events.Publish("workflow:w1", models.EventNodeUpdate, update); err != nil {
			b.Fatal(err)
		}
		for _, s := range subs {
			buf, _ = s.Take(buf[:0])
		}
	}
}
