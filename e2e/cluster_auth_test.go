package e2e

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// loginMethod is one of the ways to log in to a cluster, with what a form sends at
// first and what it sends when somebody enters new credentials.
type loginMethod struct {
	authType   string
	first, new object
	revoke     func(t *testing.T) // makes the first credentials worthless, where that can be done
}

func inBase64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// loginMethods returns them for a cluster that trusts issuer.
func loginMethods(t *testing.T, c *kubetest.Cluster, issuer *kubetest.Issuer) []loginMethod {
	t.Helper()
	ca := string(c.CA())
	signer := authorityOf(t, c)
	cert1, key1 := signer.sign(t, leaf{name: "first", group: "system:masters"})
	cert2, key2 := signer.sign(t, leaf{name: "second", group: "system:masters"})
	token1, delete1 := admin(t, c, "first")
	token2, _ := admin(t, c, "second")
	token3, _ := admin(t, c, "third")
	file := string(c.Kubeconfig())
	return []loginMethod{
		{"token", object{"token": c.Token(), "caData": inBase64(ca)}, object{"token": token3}, nil},
		{"serviceaccount", object{"token": token1, "caData": ca}, object{"token": token2}, delete1},
		{
			"certificate",
			object{"clientCertData": inBase64(cert1), "clientKeyData": inBase64(inBase64(key1)), "caData": inBase64(inBase64(ca))},
			object{"clientCertData": cert2, "clientKeyData": key2}, nil,
		},
		{"kubeconfig", object{"kubeconfig": file}, object{"kubeconfig": withToken(t, file, token2)}, nil},
		{"oidc", object{
			"oidcIssuerUrl": issuer.URL, "oidcClientId": issuer.ClientID, "oidcClientSecret": issuer.ClientSecret,
			"oidcRefreshToken": issuer.Login(), "caData": inBase64(ca + string(issuer.CA())),
		}, object{"oidcRefreshToken": issuer.Login()}, nil},
	}
}

// admin makes a service account that may do everything.
func admin(t *testing.T, c *kubetest.Cluster, name string) (token string, remove func(*testing.T)) {
	t.Helper()
	accounts := c.Client().CoreV1().ServiceAccounts("default")
	_, err := accounts.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = c.Client().RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "e2e-" + name},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Name: name, Namespace: "default"}},
		RoleRef:    rbacv1.RoleRef{APIGroup: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "cluster-admin"},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	granted, err := accounts.CreateToken(t.Context(), name, &authv1.TokenRequest{}, metav1.CreateOptions{})
	require.NoError(t, err)
	return granted.Status.Token, func(t *testing.T) {
		t.Helper()
		require.NoError(t, accounts.Delete(t.Context(), name, metav1.DeleteOptions{}))
	}
}

// withToken logs in to the cluster of a kubeconfig in another way.
func withToken(t *testing.T, file, token string) string {
	t.Helper()
	cfg, err := clientcmd.Load([]byte(file))
	require.NoError(t, err)
	for _, user := range cfg.AuthInfos {
		user.ClientCertificateData, user.ClientKeyData, user.Token = nil, nil, token
	}
	text, err := clientcmd.Write(*cfg)
	require.NoError(t, err)
	return string(text)
}

// drawOn draws a small workflow for a cluster and returns its id.
func (p *person) drawOn(t *testing.T, cluster, namespace string) string {
	t.Helper()
	id, _ := p.ask(t, http.StatusCreated, "POST", "/workflows", object{"name": "on " + cluster, "cluster_id": cluster})["id"].(string)
	p.save(t, id, []object{
		node("conf", "configmap", namespace, "conf", "data", object{"a": "b"}),
		node("web", "deployment", namespace, "web", "image", "nginx", "replicas", 1),
	}, edges("conf>web"))
	p.ask(t, http.StatusOK, "PUT", "/workflows/"+id+"/status", `{"status":"published"}`)
	return id
}

// loggedIn follows one login method from its entry to a restart.
type loggedIn struct {
	loginMethod
	ann      *person
	workflow string
	took     []string // what took how long
}

func (l *loggedIn) step(t *testing.T, name string, do func(t *testing.T)) {
	t.Helper()
	begin := time.Now()
	do(t)
	l.took = append(l.took, fmt.Sprintf("%s %d ms", name, time.Since(begin).Milliseconds()))
}

func (l *loggedIn) test(t *testing.T) {
	t.Helper()
	require.Equal(t, "connected", l.ann.ask(t, http.StatusOK, "POST", "/clusters/"+l.authType+"/test", nil)["status"])
}

func (l *loggedIn) deploy(t *testing.T) { t.Helper(); l.ann.run(t, l.workflow, nil) }

func (l *loggedIn) enter(t *testing.T, c *kubetest.Cluster) {
	t.Helper()
	l.step(t, "add", func(t *testing.T) {
		t.Helper()
		added := l.ann.ask(t, http.StatusCreated, "POST", "/clusters",
			object{"name": l.authType, "server": c.Server(), "authType": l.authType, "credentials": l.first})
		require.Equal(t, "connected", added["status"], added)
		requireSecretless(t, encoded(t, added), l.first)
	})
	l.step(t, "test", l.test)
	l.workflow = l.ann.drawOn(t, l.authType, "ns-"+l.authType)
	l.step(t, "deploy", l.deploy)
	l.step(t, "rotate", func(t *testing.T) {
		t.Helper()
		sent := object{"namespace": "default"}
		maps.Copy(sent, l.new)
		changed := l.ann.ask(t, http.StatusOK, "PUT", "/clusters/"+l.authType, object{"displayName": "Rotated", "credentials": sent})
		require.Equal(t, "connected", changed["cluster"].(object)["status"], changed)
		requireSecretless(t, encoded(t, changed), l.new)
	})
	if l.revoke != nil {
		l.revoke(t)
	}
	l.step(t, "test", l.test)
	l.step(t, "deploy", l.deploy)
}

// requireSecretless also looks for the text that a PEM field holds.
func requireSecretless(t *testing.T, text string, credentials object) {
	t.Helper()
	for field, value := range credentials {
		value, _ := value.(string)
		if field == "oidcIssuerUrl" || field == "oidcClientId" || value == "" {
			continue
		}
		require.NotContains(t, text, value, field)
		require.NotContains(t, text, strings.TrimSpace(value), field)
	}
}

// Each login method is entered, tested, used, rotated and used again, and goes on after
// the server was killed.
func TestFiveWaysToLogIn(t *testing.T) {
	t.Parallel()
	issuer := kubetest.NewIssuer(t)
	cluster := kubetest.NewPrivate(t, append(issuer.Flags(t), "--nodes=1")...)
	dir := dataDir(t)
	first := startIn(t, dir)
	ann := first.ann()
	var all []*loggedIn
	for _, w := range loginMethods(t, cluster.Cluster, issuer) {
		l := &loggedIn{loginMethod: w, ann: ann}
		l.enter(t, cluster.Cluster)
		all = append(all, l)
	}
	redeemed, refused := issuer.Counts()
	require.Equal(t, []int{2, 0}, []int{redeemed, refused}, "one refresh for each login")
	rotated := issuer.Newest()
	first.kill(t)

	again := startIn(t, dir).ann()
	for _, l := range all {
		l.ann = again
		l.step(t, "restart: test", l.test)
		l.step(t, "deploy", l.deploy)
		t.Logf("%-15s %s", l.authType, strings.Join(l.took, ", "))
	}
	redeemed, refused = issuer.Counts()
	require.Equal(t, []int{3, 0}, []int{redeemed, refused}, "the rotated refresh token was stored")
	require.NotEqual(t, rotated, issuer.Newest())
	for _, log := range []string{first.log.String(), again.stoppedLog(t)} {
		for _, l := range all {
			requireSecretless(t, log, l.first)
			requireSecretless(t, log, l.new)
		}
		require.NotContains(t, log, rotated)
	}
}
