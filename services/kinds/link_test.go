package kinds

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryPairOfTypes(t *testing.T) {
	t.Parallel()
	// What the canvas can draw, source to target, with the end that waits.
	allowed := map[[2]string]bool{}
	for source, targets := range map[string][]string{
		TypeIngress:   {TypeService},
		TypeService:   {TypeDeployment, TypeStatefulSet, TypeDaemonSet},
		TypeHPA:       {TypeDeployment, TypeStatefulSet},
		TypePolicy:    Workloads(),
		TypeConfigMap: Workloads(),
		TypeSecret:    Workloads(),
		TypeClaim:     Workloads(),
	} {
		for _, target := range targets {
			allowed[[2]string{source, target}] = source != TypeConfigMap && source != TypeSecret && source != TypeClaim
		}
	}
	isWorkload := map[string]bool{}
	for _, typ := range Workloads() {
		isWorkload[typ] = true
	}
	for _, source := range types() {
		for _, target := range types() {
			link, ok := LinkOf(source, target)
			sourceWaits, drawn := allowed[[2]string{source, target}]
			targetWaits, against := allowed[[2]string{target, source}]
			switch {
			case source == TypePlugin, target == TypePlugin, isWorkload[source] && isWorkload[target]:
				require.True(t, ok, "%s > %s", source, target)
				require.Equal(t, Link{Gates: true}, link, "%s > %s is order alone", source, target)
			case drawn:
				require.True(t, ok, "%s > %s", source, target)
				require.Equal(t, Link{SourceWaits: sourceWaits, Gates: source != TypePolicy}, link, "%s > %s", source, target)
			case against:
				require.True(t, ok, "%s > %s", source, target)
				require.Equal(t, Link{Turned: true, SourceWaits: targetWaits, Gates: target != TypePolicy}, link, "%s > %s", source, target)
			default:
				require.False(t, ok, "%s > %s", source, target)
			}
		}
	}
}

func TestWhatPodsUseComesBeforePods(t *testing.T) {
	t.Parallel()
	order := []string{TypeSecret, TypeDeployment, TypeService, TypeIngress, TypeHPA, TypePolicy, TypePlugin}
	for i := 1; i < len(order); i++ {
		require.Less(t, Phase(order[i-1]), Phase(order[i]))
	}
	require.Equal(t, Phase(TypeDeployment), Phase(TypeCronJob))
	require.True(t, IsType(TypePlugin))
	require.False(t, IsType("gadget"))
}
