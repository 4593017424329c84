package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/util/flushwriter"
	"k8s.io/client-go/kubernetes"
	cri "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	crilogs "k8s.io/cri-client/pkg/logs"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
)

// kubelet answers the API server for all nodes: kwok could serve logs and
// exec too, but to anyone on the machine, without exit codes, and without
// passing on the end of the input.
type kubelet struct {
	logs     string // directory of the pods' logs
	client   kubernetes.Interface
	commands commands
	server   *http.Server
	serving  sync.WaitGroup
}

// startKubelet listens on port, for clients with a certificate of the cluster's
// authority. close ends it and every command it runs.
func startKubelet(ctx context.Context, h home, port int, client kubernetes.Interface, ca *x509.CertPool) (*kubelet, error) {
	pair, err := tls.LoadX509KeyPair(h.pki("server.crt"), h.pki("server.key"))
	if err != nil {
		return nil, err
	}
	ln, err := tls.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port), &tls.Config{
		Certificates: []tls.Certificate{pair},
		ClientCAs:    ca,
		ClientAuth:   tls.RequireAndVerifyClientCert,
		NextProtos:   []string{"http/1.1"}, // exec hijacks the connection
	})
	if err != nil {
		return nil, err
	}
	hangUpChildren()
	ctx, cancel := context.WithCancel(ctx)
	k := &kubelet{logs: h.path("pods"), client: client, commands: commands{ctx: ctx, stop: cancel, dir: h.path("pods")}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", k.serveLogs)
	mux.HandleFunc("/exec/{namespace}/{pod}/{container}", k.serveExec)
	mux.HandleFunc("/exec/{namespace}/{pod}/{uid}/{container}", k.serveExec)
	k.server = &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	k.serving.Go(func() { _ = k.server.Serve(ln) })
	return k, nil
}

func (k *kubelet) close() error {
	k.commands.close()
	err := k.server.Close()
	k.serving.Wait()
	return err
}

// serveLogs prints the log that all containers share.
func (k *kubelet) serveLogs(w http.ResponseWriter, r *http.Request) {
	options := &corev1.PodLogOptions{}
	if err := legacyscheme.ParameterCodec.DecodeParameters(r.URL.Query(), corev1.SchemeGroupVersion, options); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	name := podLogName
	if options.Previous {
		name = previousLogName
	}
	out := flushwriter.Wrap(w)
	state := podState{client: k.client, namespace: r.PathValue("namespace"), pod: r.PathValue("pod")}
	err := crilogs.ReadLogs(r.Context(), filepath.Join(k.logs, name), "", logOptions(options), state, out, out)
	if err != nil && r.Context().Err() == nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func logOptions(o *corev1.PodLogOptions) *crilogs.LogOptions {
	out := &crilogs.LogOptions{TailLines: o.TailLines, LimitBytes: o.LimitBytes, Follow: o.Follow, Timestamp: o.Timestamps}
	if o.SinceTime != nil {
		out.Since = o.SinceTime.Time
	}
	if o.SinceSeconds != nil {
		out.Since = time.Now().Add(-time.Duration(*o.SinceSeconds) * time.Second)
	}
	return out
}

// podState ends the following of a log when the pod is gone.
type podState struct {
	cri.RuntimeService
	client         kubernetes.Interface
	namespace, pod string
}

// ContainerStatus is asked each time the end of the log is reached.
func (s podState) ContainerStatus(ctx context.Context, _ string, _ bool) (*runtimeapi.ContainerStatusResponse, error) {
	_, err := s.client.CoreV1().Pods(s.namespace).Get(ctx, s.pod, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return &runtimeapi.ContainerStatusResponse{Status: &runtimeapi.ContainerStatus{State: runtimeapi.ContainerState_CONTAINER_EXITED}}, nil
	}
	return nil, status.Error(codes.Unavailable, "still running")
}

func (k *kubelet) serveExec(w http.ResponseWriter, r *http.Request) {
	options, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	const idle = 4 * time.Hour
	remotecommand.ServeExec(w, r, &k.commands, r.PathValue("pod"), r.PathValue("uid"), r.PathValue("container"),
		r.URL.Query()["command"], options, idle, remotecommand.DefaultStreamCreationTimeout, remotecommand.SupportedStreamingProtocols)
}
