package main

import "fmt"

const (
	serviceIPRange = "10.96.0.0/16"
	firstServiceIP = "10.96.0.1"
	podIPRange     = "10.244.0.0/16"
)

// component is one of the programs of a control plane.
type component struct {
	name string
	args []string
	env  []string // added to the environment of devcluster itself
}

func etcdComponent(h home, p ports) component {
	client := fmt.Sprintf("https://127.0.0.1:%d", p.Etcd)
	peer := fmt.Sprintf("https://127.0.0.1:%d", p.EtcdPeer)
	return component{name: "etcd", args: []string{
		"--name=devcluster",
		"--data-dir=" + h.path("etcd"),
		"--listen-client-urls=" + client,
		"--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer,
		"--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=devcluster=" + peer,
		"--client-cert-auth",
		"--trusted-ca-file=" + h.path("ca.crt"),
		"--cert-file=" + h.pki("server.crt"),
		"--key-file=" + h.pki("server.key"),
		"--peer-client-cert-auth",
		"--peer-trusted-ca-file=" + h.path("ca.crt"),
		"--peer-cert-file=" + h.pki("server.crt"),
		"--peer-key-file=" + h.pki("server.key"),
		"--log-level=warn",
		"--log-outputs=stderr",
		// Without fsync only a power cut loses data, not a killed process.
		"--unsafe-no-fsync",
	}}
}

func apiserverComponent(h home, p ports, oidc oidcOptions) (component, error) {
	extra, err := oidc.apiserverArgs()
	args := []string{
		fmt.Sprintf("--etcd-servers=https://127.0.0.1:%d", p.Etcd),
		"--etcd-cafile=" + h.path("ca.crt"),
		"--etcd-certfile=" + h.pki("apiserver-client.crt"),
		"--etcd-keyfile=" + h.pki("apiserver-client.key"),
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", p.APIServer),
		"--cert-dir=" + h.path("pki"),
		"--tls-cert-file=" + h.pki("server.crt"),
		"--tls-private-key-file=" + h.pki("server.key"),
		"--client-ca-file=" + h.path("ca.crt"),
		"--token-auth-file=" + h.pki("tokens.csv"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + h.pki("service-accounts.key"),
		"--service-account-signing-key-file=" + h.pki("service-accounts.key"),
		"--service-cluster-ip-range=" + serviceIPRange,
		"--authorization-mode=RBAC",
		"--allow-privileged=true",
		"--kubelet-certificate-authority=" + h.path("ca.crt"),
		"--kubelet-client-certificate=" + h.pki("apiserver-client.crt"),
		"--kubelet-client-key=" + h.pki("apiserver-client.key"),
		"--kubelet-preferred-address-types=InternalIP",
		"--profiling=false",
		"--proxy-client-cert-file=" + h.pki("front-proxy.crt"),
		"--proxy-client-key-file=" + h.pki("front-proxy.key"),
		"--requestheader-client-ca-file=" + h.path("ca.crt"),
		"--requestheader-allowed-names=" + frontProxyUser,
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		// Endpoints must not be loopback, and no pod could reach it anyway.
		"--endpoint-reconciler-type=none",
		"--advertise-address=192.0.2.1",
	}
	return component{name: "kube-apiserver", args: append(args, extra...)}, err
}

func controllerManagerComponent(h home) component {
	return component{name: "kube-controller-manager", args: []string{
		"--kubeconfig=" + h.pki("kube-controller-manager.kubeconfig"),
		"--service-account-private-key-file=" + h.pki("service-accounts.key"),
		"--use-service-account-credentials",
		"--root-ca-file=" + h.path("ca.crt"),
		"--cluster-signing-cert-file=" + h.path("ca.crt"),
		"--cluster-signing-key-file=" + h.pki("ca.key"),
		"--leader-elect=false",
		"--secure-port=0",
		"--profiling=false",
		"--kube-api-qps=500",
		"--kube-api-burst=1000",
		// Pods are ready at once and their usage is constant, so there is
		// nothing to wait for.
		"--horizontal-pod-autoscaler-sync-period=2s",
		"--horizontal-pod-autoscaler-cpu-initialization-period=0s",
		"--horizontal-pod-autoscaler-initial-readiness-delay=0s",
	}}
}

func schedulerComponent(h home) component {
	return component{name: "kube-scheduler", args: []string{
		"--kubeconfig=" + h.pki("kube-scheduler.kubeconfig"),
		"--leader-elect=false",
		"--secure-port=0",
		"--profiling=false",
		"--kube-api-qps=500",
		"--kube-api-burst=1000",
	}}
}

func kwokComponent(h home, p ports) component {
	return component{name: "kwok", args: []string{
		"--config=" + h.path("kwok.yaml"),
		"--kubeconfig=" + h.pki("kwok.kubeconfig"),
		"--manage-all-nodes=true",
		"--cidr=" + podIPRange,
		"--node-ip=127.0.0.1",
		fmt.Sprintf("--node-port=%d", p.Kubelet),
		fmt.Sprintf("--server-address=127.0.0.1:%d", p.Kwok),
		"--tls-cert-file=" + h.pki("server.crt"),
		"--tls-private-key-file=" + h.pki("server.key"),
		"--node-lease-duration-seconds=40",
	},
		// Otherwise a configuration in the user's home would be read too.
		env: []string{"KWOK_WORKDIR=" + h.path("pki")},
	}
}
