package kubernetes

import (
	"fmt"
	"strings"

	clientcmdapi "k8s.io/client-go/tools/clientcmd/api/v1"
	"sigs.k8s.io/yaml"
)

const maxKubeconfig = 1 << 20

// fromKubeconfig takes the embedded data of the chosen context. A file that
// names a program, another file, a proxy or another identity anywhere is
// refused as a whole, so that nothing of the kind is ever stored.
func (c Config) fromKubeconfig() (access, error) {
	if strings.TrimSpace(c.Kubeconfig) == "" {
		return access{}, badConfig("kubeconfig", "is required")
	}
	if len(c.Kubeconfig) > maxKubeconfig {
		return access{}, badConfig("kubeconfig", "must not be larger than 1 MiB")
	}
	var file clientcmdapi.Config
	if err := yaml.Unmarshal([]byte(c.Kubeconfig), &file); err != nil {
		// The parser quotes what it read, which may be a secret.
		return access{}, badConfig("kubeconfig", "must be a kubeconfig in YAML")
	}
	if err := refuseOutside(file); err != nil {
		return access{}, err
	}
	chosen, at, err := chooseContext(file, strings.TrimSpace(c.Context))
	if err != nil {
		return access{}, err
	}
	a, err := clusterOf(file, chosen.Cluster, at)
	if err != nil {
		return access{}, err
	}
	a.insecure = a.insecure || c.Insecure
	if err := a.logInAs(file, chosen.AuthInfo, at); err != nil {
		return access{}, err
	}
	return a, nil
}

func refuseOutside(file clientcmdapi.Config) error {
	for i, n := range file.Clusters {
		if field := firstSet([]presence{
			{"certificate-authority", n.Cluster.CertificateAuthority != ""},
			{"proxy-url", n.Cluster.ProxyURL != ""},
		}); field != "" {
			return notAllowed("clusters[%d].cluster.%s", i, field)
		}
	}
	for i, n := range file.AuthInfos {
		u := n.AuthInfo
		if field := firstSet([]presence{
			{"exec", u.Exec != nil},
			{"auth-provider", u.AuthProvider != nil},
			{"client-certificate", u.ClientCertificate != ""},
			{"client-key", u.ClientKey != ""},
			{"tokenFile", u.TokenFile != ""},
			{"as", u.Impersonate != ""},
			{"as-uid", u.ImpersonateUID != ""},
			{"as-groups", len(u.ImpersonateGroups) > 0},
			{"as-user-extra", len(u.ImpersonateUserExtra) > 0},
		}); field != "" {
			return notAllowed("users[%d].user.%s", i, field)
		}
	}
	return nil
}

type presence struct {
	field string
	set   bool
}

func firstSet(all []presence) string {
	for _, p := range all {
		if p.set {
			return p.field
		}
	}
	return ""
}

func notAllowed(path string, args ...any) error {
	return badConfig("kubeconfig", fmt.Sprintf(path, args...)+
		" is not allowed: only embedded data is accepted (kubectl config view --minify --flatten --raw writes it)")
}

// chooseContext returns the context to use and its place in the file.
func chooseContext(file clientcmdapi.Config, want string) (clientcmdapi.Context, string, error) {
	field := "context"
	if want == "" {
		want, field = file.CurrentContext, "kubeconfig"
	}
	if want == "" && len(file.Contexts) == 1 {
		want = file.Contexts[0].Name
	}
	for i, n := range file.Contexts {
		if n.Name == want {
			return n.Context, fmt.Sprintf("contexts[%d].context", i), nil
		}
	}
	switch {
	case len(file.Contexts) == 0:
		return clientcmdapi.Context{}, "", badConfig("kubeconfig", "contexts is empty")
	case want == "":
		return clientcmdapi.Context{}, "", badConfig("kubeconfig", "current-context is not set and there are several contexts: choose one")
	}
	return clientcmdapi.Context{}, "", badConfig(field, fmt.Sprintf("context %q is not in the kubeconfig", want))
}

func clusterOf(file clientcmdapi.Config, name, at string) (access, error) {
	for i, n := range file.Clusters {
		if n.Name != name {
			continue
		}
		ca, err := decodeCA("kubeconfig", string(n.Cluster.CertificateAuthorityData))
		if err != nil {
			return access{}, within(err, fmt.Sprintf("clusters[%d].cluster.certificate-authority-data", i))
		}
		return access{
			server: n.Cluster.Server, serverName: n.Cluster.TLSServerName,
			insecure: n.Cluster.InsecureSkipTLSVerify, caPEM: ca,
		}, nil
	}
	return access{}, badConfig("kubeconfig", fmt.Sprintf("%s.cluster: %q is not among the clusters", at, name))
}

func (a *access) logInAs(file clientcmdapi.Config, name, at string) error {
	for i, n := range file.AuthInfos {
		if n.Name != name {
			continue
		}
		path := fmt.Sprintf("users[%d].user", i)
		return within(a.take(n.AuthInfo), path)
	}
	return badConfig("kubeconfig", fmt.Sprintf("%s.user: %q is not among the users", at, name))
}

// take copies the ways to log in that u holds; one is enough.
func (a *access) take(u clientcmdapi.AuthInfo) (err error) {
	if len(u.ClientCertificateData) > 0 || len(u.ClientKeyData) > 0 {
		a.certPEM, a.keyPEM, err = decodePair(
			"kubeconfig", string(u.ClientCertificateData), "kubeconfig", string(u.ClientKeyData))
		if err != nil {
			return err
		}
	}
	if strings.TrimSpace(u.Token) != "" {
		if a.token, err = checkToken("kubeconfig", u.Token); err != nil {
			return err
		}
	}
	a.username, a.password = u.Username, u.Password
	if a.certPEM == nil && a.token == "" && (a.username == "" || a.password == "") {
		return badConfig("kubeconfig", "holds no token and no client certificate")
	}
	return nil
}
