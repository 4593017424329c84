package kinds

import (
	"strings"
	"testing"
)

// BenchmarkNode checks and renders the fullest drawing of each kind, as a run
// does with each of its nodes.
func BenchmarkNode(b *testing.B) {
	kinds := allKinds(b)
	for _, fx := range fixtures(b) {
		if fx.Scenario != "all-fields" && !strings.HasPrefix(fx.Scenario, "palette") {
			continue
		}
		b.Run(fx.Kind+"/"+fx.Scenario, func(b *testing.B) {
			kind, _ := kinds.Lookup(fx.Kind)
			n := fx.subject(b)
			b.ReportAllocs()
			for b.Loop() {
				if p := kind.Check(n); len(p) > 0 {
					b.Fatal(p)
				}
				if _, err := kind.Render(n); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
