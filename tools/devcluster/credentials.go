package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// ensureAdminToken creates admin.token and the API server's token file.
func ensureAdminToken(h home) error {
	token, err := os.ReadFile(h.path("admin.token"))
	if err != nil || strings.TrimSpace(string(token)) == "" {
		token = []byte(rand.Text())
		if err := writePrivate(h.path("admin.token"), token); err != nil {
			return err
		}
	}
	line := fmt.Sprintf("%s,devcluster-token,devcluster-token,\"system:masters\"\n", strings.TrimSpace(string(token)))
	return writePrivate(h.pki("tokens.csv"), []byte(line))
}

// writeKubeconfigs writes those of the components and the administrator's.
func writeKubeconfigs(h home, p ports) error {
	for _, component := range []string{"kube-controller-manager", "kube-scheduler", "kwok"} {
		if err := writeKubeconfig(h, p, h.pki(component), h.pki(component+".kubeconfig")); err != nil {
			return err
		}
	}
	return writeKubeconfig(h, p, h.path("client"), h.path("kubeconfig"))
}

// writeKubeconfig writes a kubeconfig to file that carries all its data, for
// the certificate at pair.crt and pair.key.
func writeKubeconfig(h home, p ports, pair, file string) error {
	const name = "devcluster"
	ca, err := os.ReadFile(h.path("ca.crt"))
	if err != nil {
		return err
	}
	cert, err := os.ReadFile(pair + ".crt")
	if err != nil {
		return err
	}
	key, err := os.ReadFile(pair + ".key")
	if err != nil {
		return err
	}
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: p.server(), CertificateAuthorityData: ca}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{ClientCertificateData: cert, ClientKeyData: key}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	data, err := clientcmd.Write(*config)
	if err != nil {
		return err
	}
	return writePrivate(file, data)
}

// server is the URL of the API server.
func (p ports) server() string { return fmt.Sprintf("https://127.0.0.1:%d", p.APIServer) }
