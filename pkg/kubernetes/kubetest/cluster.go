// Package kubetest provides tests with a real Kubernetes cluster: the one that
// KUBEORCH_TEST_CLUSTER names, or one that it starts with bin/devcluster.
//
// Tests that only add objects share a cluster:
//
//	var shared kubetest.Shared
//
//	func TestMain(m *testing.M) { os.Exit(shared.Main(m).Run()) }
//
//	func TestApply(t *testing.T) {
//		cluster := shared.Cluster(t)
//		namespace := cluster.Namespace(t)
//
// Tests that stop, kill or pause the API server start their own with NewPrivate.
package kubetest

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Cluster is a running cluster with credentials of each kind. Its methods are
// safe for concurrent use.
type Cluster struct {
	dir     string
	files   map[string][]byte
	config  *rest.Config
	http    *http.Client
	client  kubernetes.Interface
	dynamic dynamic.Interface
}

// open connects to the cluster of the devcluster in dir.
func open(dir string) (*Cluster, error) {
	c := &Cluster{dir: dir, files: make(map[string][]byte)}
	for _, name := range []string{"kubeconfig", "ca.crt", "client.crt", "client.key", "admin.token", "sa.token"} {
		data, err := os.ReadFile(filepath.Join(dir, name)) //nolint:gosec // the directory comes from the environment of the tests
		if err != nil {
			return nil, fmt.Errorf("not the directory of a running cluster: %w", err)
		}
		c.files[name] = data
	}
	var err error
	if c.config, err = clientcmd.RESTConfigFromKubeConfig(c.files["kubeconfig"]); err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	c.config.WarningHandler = rest.NoWarnings{} // hostile input makes thousands
	c.config.QPS = -1
	if c.http, err = rest.HTTPClientFor(c.config); err != nil {
		return nil, err
	}
	if c.client, err = kubernetes.NewForConfigAndClient(c.config, c.http); err != nil {
		return nil, err
	}
	c.dynamic, err = dynamic.NewForConfigAndClient(c.config, c.http)
	return c, err
}

// close closes idle connections, whose goroutines would count as leaked.
func (c *Cluster) close() { utilnet.CloseIdleConnectionsFor(c.http.Transport) }

// Dir is the directory of the cluster, with its logs.
func (c *Cluster) Dir() string { return c.dir }

// Server is the URL of the API server.
func (c *Cluster) Server() string { return c.config.Host }

// Kubeconfig logs in as administrator by client certificate; it embeds all
// its data. The caller must not change it.
func (c *Cluster) Kubeconfig() []byte { return c.files["kubeconfig"] }

// CA is the certificate authority of the API server, in PEM.
func (c *Cluster) CA() []byte { return c.files["ca.crt"] }

// ClientCert is the administrator's certificate, in PEM.
func (c *Cluster) ClientCert() []byte { return c.files["client.crt"] }

// ClientKey is the key of ClientCert, in PEM.
func (c *Cluster) ClientKey() []byte { return c.files["client.key"] }

// Token is a static bearer token of an administrator.
func (c *Cluster) Token() string { return strings.TrimSpace(string(c.files["admin.token"])) }

// SAToken is the token of a service account that is an administrator. It
// does not expire.
func (c *Cluster) SAToken() string { return strings.TrimSpace(string(c.files["sa.token"])) }

// RESTConfig returns a copy of the administrator's configuration, without a
// limit of requests per second.
func (c *Cluster) RESTConfig() *rest.Config { return rest.CopyConfig(c.config) }

// Client acts as administrator.
func (c *Cluster) Client() kubernetes.Interface { return c.client }

// Dynamic acts as administrator on objects of any kind.
func (c *Cluster) Dynamic() dynamic.Interface { return c.dynamic }
