package run

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/models"
)

func TestRenamedNodesKeepTheirValues(t *testing.T) {
	t.Parallel()
	r, cluster, namespace := onDevCluster(t)
	stored := func(name, key string) string {
		t.Helper()
		s, err := cluster.Client().CoreV1().Secrets(namespace).Get(t.Context(), name, metav1.GetOptions{})
		require.NoError(t, err)
		return string(s.Data[key])
	}
	w := r.drawIn(namespace, "pw:secret web:deployment pw>web")
	typed := typedSecret("pw", "password", "first-value")
	typed.EnvVars = map[string]map[string]models.Secret{"web": {"TOKEN": models.NewSecret("token-value")}}
	run := r.mustRun(w.ID, typed)
	require.Equal(t, models.RunCompleted, run.Status, run.Error)

	r.saveIn(namespace, w.ID, "pw=login:secret web=shop:deployment pw>web")
	run = r.mustRun(w.ID, models.TriggerData{})
	require.Equal(t, models.RunCompleted, run.Status, run.Error)
	require.Equal(t, map[string]string{"pw": "completed", "web": "completed"}, states(run))
	require.Equal(t, "first-value", stored("login", "password"))
	require.Equal(t, "token-value", stored("shop-env", "TOKEN"))
	require.Equal(t, "first-value", stored("pw", "password"), "the former one is kept")

	other := r.drawIn(namespace, "pw=theirs:secret web=their-web:deployment pw>web")
	run = r.mustRun(other.ID, models.TriggerData{})
	require.Equal(t, models.RunCompleted, run.Status, run.Error)
	require.Equal(t, "pending", states(run)["pw"], "values of another workflow are not read")
}
