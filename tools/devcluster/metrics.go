package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/informers"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

const (
	// frontProxyUser is the user of the API server's certificate for this server.
	frontProxyUser = "devcluster-front-proxy"

	metricsService = "metrics"
	metricsHost    = metricsService + "." + metav1.NamespaceSystem + ".svc"
	metricsPath    = "/apis/" + metricsv1beta1.GroupName + "/v1beta1"
)

// metricsServer answers for the API metrics.k8s.io, from which autoscalers
// and "kubectl top" read.
type metricsServer struct {
	server  *http.Server
	serving sync.WaitGroup
}

// startMetrics listens on port, for the API server only, which has authorised the
// user. It has values once the factory runs. close ends it.
func startMetrics(h home, port int, ca *x509.CertPool, factory informers.SharedInformerFactory, log *slog.Logger) (*metricsServer, error) {
	meter, err := newMeter(factory)
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(h.pki("metrics.crt"), h.pki("metrics.key"))
	if err != nil {
		return nil, err
	}
	ln, err := tls.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port), &tls.Config{
		Certificates:     []tls.Certificate{pair},
		ClientCAs:        ca,
		ClientAuth:       tls.RequireAndVerifyClientCert,
		VerifyConnection: isFrontProxy,
		NextProtos:       []string{"http/1.1"},
	})
	if err != nil {
		return nil, err
	}
	m := &metricsServer{server: &http.Server{
		Handler:           metricsHandler(meter),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn), // refused clients
	}}
	m.serving.Go(func() { _ = m.server.Serve(ln) })
	return m, nil
}

func (m *metricsServer) close() error {
	err := m.server.Close()
	m.serving.Wait()
	return err
}

// isFrontProxy refuses the other certificates of the cluster's authority.
func isFrontProxy(state tls.ConnectionState) error {
	if name := state.PeerCertificates[0].Subject.CommonName; name != frontProxyUser {
		return fmt.Errorf("%q is not the API server", name)
	}
	return nil
}

func metricsHandler(m *meter) http.Handler {
	mux := http.NewServeMux()
	for path, read := range map[string]reader{
		"":                                    metricsResources,
		"/nodes":                              m.listNodes,
		"/nodes/{name}":                       m.getNode,
		"/pods":                               m.listPods,
		"/namespaces/{namespace}/pods":        m.listPods,
		"/namespaces/{namespace}/pods/{name}": m.getPod,
	} {
		mux.Handle("GET "+metricsPath+path, read)
	}
	return mux
}

// reader returns the answer to a request.
type reader func(r *http.Request) (any, error)

func (read reader) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	code := http.StatusOK
	answer, err := read(r)
	if err != nil {
		status, known := errors.AsType[*apierrors.StatusError](err)
		if !known {
			status = apierrors.NewInternalError(err)
		}
		body := status.Status()
		body.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
		answer, code = body, int(body.Code)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer) // the client may have left
}

func metricsResources(*http.Request) (any, error) {
	verbs := metav1.Verbs{"get", "list"}
	return metav1.APIResourceList{
		TypeMeta:     metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"},
		GroupVersion: metricsv1beta1.SchemeGroupVersion.String(),
		APIResources: []metav1.APIResource{
			{Name: "nodes", Kind: "NodeMetrics", Verbs: verbs},
			{Name: "pods", Kind: "PodMetrics", Namespaced: true, Verbs: verbs},
		},
	}, nil
}

// metricsObjects make the API server forward requests for metrics to port.
func metricsObjects(port int, ca []byte) []*unstructured.Unstructured {
	return []*unstructured.Unstructured{
		{Object: object{
			"apiVersion": "v1", "kind": "Service",
			"metadata": object{"name": metricsService, "namespace": metav1.NamespaceSystem},
			// Endpoints must not be loopback; a name may be.
			"spec": object{"type": "ExternalName", "externalName": "127.0.0.1"},
		}},
		{Object: object{
			"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
			"metadata": object{"name": "v1beta1." + metricsv1beta1.GroupName},
			"spec": object{
				"group": metricsv1beta1.GroupName, "version": "v1beta1",
				"groupPriorityMinimum": int64(100), "versionPriority": int64(100),
				"service":  object{"name": metricsService, "namespace": metav1.NamespaceSystem, "port": int64(port)},
				"caBundle": base64.StdEncoding.EncodeToString(ca),
			},
		}},
	}
}

// awaitMetrics returns when the API server serves the metrics server's answers.
func (c *cluster) awaitMetrics(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, errors.New("it takes too long"))
	defer cancel()
	return c.ps.await(ctx, "metrics", func(ctx context.Context) error {
		return c.client.CoreV1().RESTClient().Get().AbsPath(metricsPath, "nodes").Do(ctx).Error()
	})
}
