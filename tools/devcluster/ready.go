package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// condition returns nil once it is met, else an error that says what is missing.
type condition func(ctx context.Context) error

// await polls a condition until it is met, ctx ends, or a component dies.
func (ps *processes) await(ctx context.Context, what string, holds condition) error {
	began := time.Now()
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := holds(attempt)
		cancel()
		if err == nil {
			ps.log.Info("ready", "what", what, "after", time.Since(began).Round(time.Millisecond))
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w (last: %w)", what, context.Cause(ctx), err)
		case p := <-ps.died:
			return p.failure()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func apiserverReady(client kubernetes.Interface) condition {
	return func(ctx context.Context) error {
		return client.CoreV1().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	}
}

// schemaPublished is met when the API server describes the group and version at
// path.
func schemaPublished(client kubernetes.Interface, path string) condition {
	return func(ctx context.Context) error {
		index, err := client.CoreV1().RESTClient().Get().AbsPath("/openapi/v3").Do(ctx).Raw()
		if err != nil {
			return err
		}
		if !bytes.Contains(index, []byte(strconv.Quote(path))) {
			return fmt.Errorf("the API server does not describe %s yet", path)
		}
		return nil
	}
}

func nodesReady(client kubernetes.Interface, n int) condition {
	return func(ctx context.Context) error {
		nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: nodeLabel})
		if err != nil {
			return err
		}
		ready := 0
		for _, node := range nodes.Items {
			if schedulable(node) {
				ready++
			}
		}
		if ready < n {
			return fmt.Errorf("%d of %d nodes are ready", ready, n)
		}
		return nil
	}
}

// schedulable reports whether node is ready and the controllers have removed the
// taint of new nodes.
func schedulable(node corev1.Node) bool {
	return len(node.Spec.Taints) == 0 && slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

// controllersReady is met when the controller manager has created the default
// service account in probeNamespace. It is deleted there at each start; in other
// namespaces it may be from an earlier run.
func controllersReady(client kubernetes.Interface) condition {
	return func(ctx context.Context) error {
		for _, ns := range []string{probeNamespace, metav1.NamespaceDefault} {
			if _, err := client.CoreV1().ServiceAccounts(ns).Get(ctx, "default", metav1.GetOptions{}); err != nil {
				return err
			}
		}
		return nil
	}
}

const probeNamespace = "devcluster-probe"

func resetProbe(ctx context.Context, client kubernetes.Interface) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: probeNamespace}}
	if _, err := client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	err := client.CoreV1().ServiceAccounts(probeNamespace).Delete(ctx, "default", metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// kwokReady is met when kwok answers as kubelet.
func kwokReady(p ports, trust *tls.Config) condition {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: trust, DisableKeepAlives: true}}
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("https://127.0.0.1:%d/healthz", p.Kwok), nil)
		if err != nil {
			return err
		}
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		if err := res.Body.Close(); err != nil {
			return err
		}
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("kwok answers %s", res.Status)
		}
		return nil
	}
}
