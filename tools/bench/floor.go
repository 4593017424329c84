package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"
)

type object = *unstructured.Unstructured

// floor does the work of a run with plain client-go.
type floor struct {
	dynamic dynamic.Interface
	typed   kubernetes.Interface
}

func restConfig(kubeconfig string) (*rest.Config, error) {
	return clientcmd.BuildConfigFromFlags("", kubeconfig)
}

func newFloor(kubeconfig string) (*floor, error) {
	cfg, err := restConfig(kubeconfig)
	if err != nil {
		return nil, err
	}
	cfg.QPS = -1 // the API server limits by itself
	f := &floor{}
	if f.dynamic, err = dynamic.NewForConfig(cfg); err != nil {
		return nil, err
	}
	f.typed, err = kubernetes.NewForConfig(cfg)
	return f, err
}

func (f *floor) namespaces(ctx context.Context, names ...string) error {
	for _, n := range names {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: n}}
		_, err := f.typed.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return nil
}

// drop removes the Deployments of the namespaces, so that they do not slow down later
// measurements.
func (f *floor) drop(ctx context.Context, names ...string) error {
	for _, n := range names {
		err := f.typed.AppsV1().Deployments(n).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
		if err != nil {
			return err
		}
		if err := f.poll(ctx, func() (bool, error) {
			pods, err := f.typed.CoreV1().Pods(n).List(ctx, metav1.ListOptions{})
			return err == nil && len(pods.Items) == 0, err
		}); err != nil {
			return err
		}
	}
	return nil
}

// settled waits until every Deployment of a namespace has rolled out.
func (f *floor) settled(ctx context.Context, namespace string) error {
	return f.poll(ctx, func() (bool, error) {
		list, err := f.typed.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		for _, d := range list.Items {
			if !rolledOut(&d) {
				return false, nil
			}
		}
		return true, nil
	})
}

func rolledOut(d *appsv1.Deployment) bool {
	s := d.Status
	return s.ObservedGeneration >= d.Generation && s.Replicas == *d.Spec.Replicas && s.ReadyReplicas == s.Replicas && s.UpdatedReplicas == s.Replicas
}

// poll calls done until it returns true, for two minutes at most.
func (f *floor) poll(ctx context.Context, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the cluster did not settle: %w", ctx.Err())
		}
	}
}

// manifests returns the Deployments of a namespace as they were applied.
func (f *floor) manifests(ctx context.Context, namespace string) ([]object, error) {
	list, err := f.dynamic.Resource(appsv1.SchemeGroupVersion.WithResource("deployments")).Namespace(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	var out []object
	for i := range list.Items {
		o := &list.Items[i]
		unstructured.RemoveNestedField(o.Object, "status")
		for _, k := range []string{"managedFields", "uid", "resourceVersion", "generation", "creationTimestamp"} {
			unstructured.RemoveNestedField(o.Object, "metadata", k)
		}
		unstructured.RemoveNestedField(o.Object, "metadata", "annotations", "deployment.kubernetes.io/revision")
		out = append(out, o)
	}
	return out, nil
}

func moved(o object, namespace string) object {
	o = o.DeepCopy()
	o.SetNamespace(namespace)
	return o
}

// apply times server-side apply of all objects by 8 workers.
func (f *floor) apply(ctx context.Context, objs []object, namespace string) (time.Duration, error) {
	return f.send(ctx, objs, namespace)
}

// send is apply, or, with metav1.DryRunAll, a dry run of it.
func (f *floor) send(ctx context.Context, objs []object, namespace string, dryRun ...string) (time.Duration, error) {
	start := time.Now()
	eg, ctx := errgroup.WithContext(ctx)
	eg.SetLimit(8)
	for _, o := range objs {
		eg.Go(func() error {
			b, err := json.Marshal(moved(o, namespace))
			if err != nil {
				return err
			}
			force := true
			_, err = f.dynamic.Resource(appsv1.SchemeGroupVersion.WithResource("deployments")).Namespace(namespace).
				Patch(ctx, o.GetName(), types.ApplyPatchType, b, metav1.PatchOptions{FieldManager: "floor", Force: &force, DryRun: dryRun})
			return err
		})
	}
	err := eg.Wait()
	return time.Since(start), err
}

func (f *floor) write(objs []object, namespace, path string) (string, error) {
	var b bytes.Buffer
	for _, o := range objs {
		y, err := yaml.Marshal(moved(o, namespace).Object)
		if err != nil {
			return "", err
		}
		b.WriteString("---\n")
		b.Write(y)
	}
	return path, os.WriteFile(path, b.Bytes(), 0o600)
}

// resourceVersions returns the resourceVersion of each Deployment.
func (f *floor) resourceVersions(ctx context.Context, namespace string) (map[string]string, error) {
	list, err := f.typed.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, d := range list.Items {
		out[d.Name] = d.ResourceVersion
	}
	return out, nil
}

func differing(a, b map[string]string) int {
	n := 0
	for k := range a {
		if a[k] != b[k] {
			n++
		}
	}
	return n
}

func setImage(objs []object, image string) {
	for _, o := range objs {
		list, _, _ := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
		list[0].(map[string]any)["image"] = image
		_ = unstructured.SetNestedSlice(o.Object, list, "spec", "template", "spec", "containers")
	}
}
