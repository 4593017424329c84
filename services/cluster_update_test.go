package services

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

func TestUpdateOfADescriptionKeepsTheConnection(t *testing.T) {
	t.Parallel()
	r := newClusterRig(t)
	_, err := r.Add(t.Context(), ann, tokenCluster("a", apiServer(t), clusterToken))
	require.NoError(t, err)
	before, err := r.Connection(t.Context(), ann, "a")
	require.NoError(t, err)

	text, labels := "the shop's", map[string]string{"tier": "prod"}
	_, err = r.Update(t.Context(), ann, "a", models.ClusterPatch{Description: &text, DisplayName: &text, Labels: &labels})
	require.NoError(t, err)
	after, err := r.Connection(t.Context(), ann, "a")
	require.NoError(t, err)
	require.Same(t, before, after)

	_, err = r.Update(t.Context(), ann, "a", models.ClusterPatch{
		Credentials: &models.ClusterCredentials{Token: "another-token", Insecure: true},
	})
	require.NoError(t, err)
	replaced, err := r.Connection(t.Context(), ann, "a")
	require.NoError(t, err)
	require.NotSame(t, before, replaced)
}
