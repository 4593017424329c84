package kubernetes

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	clientcmdapi "k8s.io/client-go/tools/clientcmd/api/v1"
	"sigs.k8s.io/yaml"
)

const maxKubeconfig = 1 << 20

// kubeconfigFile is what is read of a kubeconfig. Embedded data stays text: the
// decoder of the client-go type refuses the whole file for one bad character of
// base64 and does not tell where it is.
type kubeconfigFile struct {
	Kind           string                      `json:"kind"`
	CurrentContext string                      `json:"current-context"`
	Contexts       []clientcmdapi.NamedContext `json:"contexts"`
	Clusters       []namedCluster              `json:"clusters"`
	Users          []namedUser                 `json:"users"`
}

type namedCluster struct {
	Name    string            `json:"name"`
	Cluster kubeconfigCluster `json:"cluster"`
}

type namedUser struct {
	Name string         `json:"name"`
	User kubeconfigUser `json:"user"`
}

type kubeconfigCluster struct {
	clientcmdapi.Cluster

	CertificateAuthorityData string `json:"certificate-authority-data"`
}

type kubeconfigUser struct {
	clientcmdapi.AuthInfo

	ClientCertificateData string `json:"client-certificate-data"`
	ClientKeyData         string `json:"client-key-data"`
}

// fromKubeconfig uses the embedded data of the chosen context. A file that
// refers to a program, another file, a proxy or another identity anywhere is
// refused as a whole, so that no such reference is ever stored.
func (c Config) fromKubeconfig() (access, error) {
	file, err := parseKubeconfig(c.Kubeconfig)
	if err != nil {
		return access{}, err
	}
	if err := refuseReferences(file); err != nil {
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
	if err := a.addUser(file, chosen.AuthInfo, at); err != nil {
		return access{}, err
	}
	return a, nil
}

// parseKubeconfig reads the file. Its errors hold no text of the file, which may
// be a secret.
func parseKubeconfig(text string) (file kubeconfigFile, err error) {
	if strings.TrimSpace(text) == "" {
		return file, badConfig("kubeconfig", "is required")
	}
	if len(text) > maxKubeconfig {
		return file, badConfig("kubeconfig", "must not be larger than 1 MiB")
	}
	const must = "must be a kubeconfig in YAML"
	err = yaml.Unmarshal([]byte(text), &file)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		path := strings.NewReplacer(".AuthInfo.", ".", ".Cluster.", ".").Replace(wrong.Field) // without Go's embedded types
		return file, badConfig("kubeconfig", fmt.Sprintf("%s: %s has a value of the wrong type: %s", must, path, wrong.Value))
	}
	if decoded, wrong := decodeBase64([]byte(text)); wrong == nil && bytes.Contains(decoded, []byte("clusters")) {
		return file, badConfig("kubeconfig", must+"; this is base64 of one")
	}
	if err != nil {
		if line := regexp.MustCompile(`line \d+`).FindString(err.Error()); line != "" {
			return file, badConfig("kubeconfig", must+": "+line+" is not YAML")
		}
		return file, badConfig("kubeconfig", must)
	}
	if file.Kind != "" && file.Kind != "Config" {
		return file, badConfig("kubeconfig", fmt.Sprintf("%s, not a %s", must, clean(file.Kind)))
	}
	return file, nil
}

func refuseReferences(file kubeconfigFile) error {
	for i, n := range file.Clusters {
		if field := firstSet([]presence{
			{"certificate-authority", n.Cluster.CertificateAuthority != ""},
			{"proxy-url", n.Cluster.ProxyURL != ""},
		}); field != "" {
			return notAllowed("clusters[%d].cluster.%s", i, field)
		}
	}
	for i, n := range file.Users {
		u := n.User
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

// presence tells whether a field of the file is set.
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

// chooseContext returns the context to use and its path in the file.
func chooseContext(file kubeconfigFile, want string) (clientcmdapi.Context, string, error) {
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

func clusterOf(file kubeconfigFile, name, at string) (access, error) {
	for i, n := range file.Clusters {
		if n.Name != name {
			continue
		}
		path := fmt.Sprintf("clusters[%d].cluster.certificate-authority-data", i)
		ca, err := decodeCA(fieldPath{"kubeconfig", path}, n.Cluster.CertificateAuthorityData)
		return access{
			server: n.Cluster.Server, serverName: n.Cluster.TLSServerName,
			insecure: n.Cluster.InsecureSkipTLSVerify, caPEM: ca,
		}, err
	}
	return access{}, badConfig("kubeconfig", fmt.Sprintf("%s.cluster: %q is not among the clusters", at, name))
}

// addUser adds the credentials of a user. One way to log in is enough.
func (a *access) addUser(file kubeconfigFile, name, at string) (err error) {
	i := slices.IndexFunc(file.Users, func(n namedUser) bool { return n.Name == name })
	if i < 0 {
		return badConfig("kubeconfig", fmt.Sprintf("%s.user: %q is not among the users", at, name))
	}
	u := file.Users[i].User
	place := func(field string) fieldPath {
		return fieldPath{"kubeconfig", fmt.Sprintf("users[%d].user%s", i, field)}
	}
	if u.ClientCertificateData != "" || u.ClientKeyData != "" {
		a.certPEM, a.keyPEM, err = decodePair(
			place(".client-certificate-data"), u.ClientCertificateData, place(".client-key-data"), u.ClientKeyData)
		if err != nil {
			return err
		}
	}
	if strings.TrimSpace(u.Token) != "" {
		if a.token, err = checkBearer(place(".token"), u.Token); err != nil {
			return err
		}
	}
	a.username, a.password = u.Username, u.Password
	if a.certPEM == nil && a.token == "" && (a.username == "" || a.password == "") {
		return place("").bad("holds no token and no client certificate")
	}
	return nil
}
