package e2e

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

const (
	// dev is what people here call their cluster.
	dev = "dev"
	// nowhere is a cluster server that refuses connections at once.
	nowhere = "https://127.0.0.1:1"
)

func clusterInput(name string, c *kubetest.Cluster) object {
	return object{"name": name, "server": c.Server(), "authType": "token",
		"credentials": object{"token": c.Token(), "caData": string(c.CA())}}
}

// addCluster registers c under the name dev.
func (p *person) addCluster(t *testing.T, c *kubetest.Cluster) {
	t.Helper()
	added := p.ask(t, http.StatusCreated, "POST", "/clusters", clusterInput(dev, c))
	require.Equal(t, "connected", added["status"])
}

// addClusterAt registers c under a name, by an address where something else stands
// in front of it, which has a certificate of the authority in ca.
func (p *person) addClusterAt(t *testing.T, name string, c *kubetest.Cluster, address string, ca []byte) {
	t.Helper()
	in := clusterInput(name, c)
	in["server"] = address
	in["credentials"].(object)["caData"] = string(ca)
	added := p.ask(t, http.StatusCreated, "POST", "/clusters", in)
	require.Equal(t, "connected", added["status"])
}

// gatewayTo starts a gateway to a cluster, which ends with the test.
func gatewayTo(t *testing.T, c *kubetest.Cluster) *kubetest.Gateway {
	t.Helper()
	g, err := kubetest.NewGateway(c.Server(), c.CA())
	require.NoError(t, err)
	t.Cleanup(g.Close)
	return g
}

// linkTo returns a link to a cluster.
func linkTo(t *testing.T, c *kubetest.Cluster) *link {
	t.Helper()
	return newLink(t, strings.TrimPrefix(c.Server(), "https://"))
}

// addNowhere registers a cluster that is not there.
func (p *person) addNowhere(t *testing.T, name string) {
	t.Helper()
	p.ask(t, http.StatusCreated, "POST", "/clusters", object{"name": name, "server": nowhere, "authType": "token",
		"credentials": object{"token": "first", "insecure": true}})
}

// offerShare offers the cluster dev to somebody and returns the share's id.
func (p *person) offerShare(t *testing.T, to *person, role string, namespaces ...string) (id string) {
	t.Helper()
	answer := p.ask(t, http.StatusOK, "POST", "/clusters/dev/share", object{"targetUserId": to.id(t), "role": role, "namespaces": namespaces})
	require.Equal(t, dev, answer["cluster"])
	id, _ = answer["share"].(object)["id"].(string)
	return id
}

// share shares the cluster dev with somebody, who accepts it, and returns the
// share's id.
func (p *person) share(t *testing.T, with *person, role string, namespaces ...string) (id string) {
	t.Helper()
	id = p.offerShare(t, with, role, namespaces...)
	with.ask(t, http.StatusOK, "POST", "/clusters/shares/"+id+"/accept", nil)
	return id
}

// clusterNames returns what GET /clusters lists.
func (p *person) clusterNames(t *testing.T) (names []string) {
	t.Helper()
	for _, c := range p.ask(t, http.StatusOK, "GET", "/clusters", nil)["clusters"].([]any) {
		names = append(names, c.(object)["name"].(string))
	}
	return names
}

// unusedNamespace returns a name that no namespace of c has. What a run makes
// of it is deleted at the end of the test.
func unusedNamespace(t *testing.T, c *kubetest.Cluster) string {
	t.Helper()
	name := "e2e-" + strings.ToLower(rand.Text()[:12])
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		err := c.Client().CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Logf("namespace %s stays: %v", name, err)
		}
	})
	return name
}

func requireNoNamespace(t *testing.T, c *kubetest.Cluster, name string) {
	t.Helper()
	_, err := c.Client().CoreV1().Namespaces().Get(t.Context(), name, metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)
}

// watchConfigMaps returns a channel that is closed when so many further
// ConfigMaps of a workflow are in the cluster.
func watchConfigMaps(t *testing.T, c *kubetest.Cluster, workflow string, count int) <-chan struct{} {
	t.Helper()
	ours := metav1.ListOptions{LabelSelector: "kubeorch.io/workflow=" + workflow}
	list, err := c.Client().CoreV1().ConfigMaps("").List(t.Context(), ours)
	require.NoError(t, err)
	ours.ResourceVersion = list.ResourceVersion
	w, err := c.Client().CoreV1().ConfigMaps("").Watch(t.Context(), ours)
	require.NoError(t, err)
	t.Cleanup(w.Stop)
	seen := make(chan struct{})
	go func() {
		defer close(seen)
		for range count {
			<-w.ResultChan()
		}
	}()
	return seen
}

// countConfigMaps counts the ConfigMaps of a workflow.
func countConfigMaps(t *testing.T, c *kubetest.Cluster, workflow string) int {
	t.Helper()
	list, err := c.Client().CoreV1().ConfigMaps("").List(t.Context(), metav1.ListOptions{LabelSelector: "kubeorch.io/workflow=" + workflow})
	require.NoError(t, err)
	return len(list.Items)
}

// awaitUnreachable waits until a killed cluster answers no more.
func awaitUnreachable(t *testing.T, c *kubetest.Private) {
	t.Helper()
	kubetest.Eventually(t, "the end of the API server", func(ctx context.Context) error {
		if _, err := c.Client().Discovery().ServerVersion(); err == nil {
			return fmt.Errorf("it answers")
		}
		return ctx.Err()
	})
}
