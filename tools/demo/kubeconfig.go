package main

import (
	"fmt"
	"path/filepath"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// flatten reads the kubeconfig that the user's own tools use, keeps its
// current context only, and embeds the files it names: the server takes
// embedded data only.
func flatten(path string) (string, error) {
	rules := &clientcmd.ClientConfigLoadingRules{Precedence: filepath.SplitList(path)}
	cfg, err := rules.Load()
	if err == nil {
		err = clientcmdapi.MinifyConfig(cfg)
	}
	if err == nil {
		err = clientcmdapi.FlattenConfig(cfg)
	}
	if err != nil {
		return "", fmt.Errorf("KUBECONFIG: %w", err)
	}
	for name, user := range cfg.AuthInfos {
		if user.Exec != nil || user.AuthProvider != nil {
			return "", fmt.Errorf("KUBECONFIG: user %q logs in through a program, which a server must not run;"+
				" make a service account, bind it, and use a kubeconfig with its token:"+
				" kubectl create token NAME", name)
		}
	}
	b, err := clientcmd.Write(*cfg)
	return string(b), err
}

// serverOf returns the API server's address in a kubeconfig of one context.
func serverOf(kubeconfig string) (string, error) {
	cfg, err := clientcmd.RESTConfigFromKubeConfig([]byte(kubeconfig))
	if err != nil {
		return "", fmt.Errorf("kubeconfig: %w", err)
	}
	return cfg.Host, nil
}
