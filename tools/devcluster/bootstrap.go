package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
)

//go:embed manifests/*.yaml
var manifests embed.FS

// tokenSecret names the secret in kube-system that holds the long-lived token
// of the administrators' service account.
const tokenSecret = "devcluster-admin-token"

// applyManifests applies the embedded objects to the cluster.
func applyManifests(ctx context.Context, client dynamic.Interface) error {
	objects, err := readManifests(manifests)
	if err != nil {
		return err
	}
	return applyObjects(ctx, client, objects)
}

func applyObjects(ctx context.Context, client dynamic.Interface, objects []*unstructured.Unstructured) error {
	for _, obj := range objects {
		resource, _ := meta.UnsafeGuessKindToResource(obj.GroupVersionKind())
		_, err := client.Resource(resource).Namespace(obj.GetNamespace()).
			Apply(ctx, obj.GetName(), obj, metav1.ApplyOptions{FieldManager: "devcluster", Force: true})
		if err != nil {
			return fmt.Errorf("%s %s: %w", obj.GetKind(), obj.GetName(), err)
		}
	}
	return nil
}

func readManifests(files fs.FS) ([]*unstructured.Unstructured, error) {
	names, err := fs.Glob(files, "manifests/*.yaml")
	if err != nil {
		return nil, err
	}
	var objects []*unstructured.Unstructured
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
		for {
			obj := &unstructured.Unstructured{}
			if err := decoder.Decode(&obj.Object); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			objects = append(objects, obj)
		}
	}
	return objects, nil
}

// serviceAccountToken is met when the controller manager has issued the
// administrators' token, which it then writes to file.
func serviceAccountToken(client kubernetes.Interface, file string) condition {
	return func(ctx context.Context) error {
		secret, err := client.CoreV1().Secrets(metav1.NamespaceSystem).Get(ctx, tokenSecret, metav1.GetOptions{})
		if err != nil {
			return err
		}
		token := secret.Data[corev1.ServiceAccountTokenKey]
		if len(token) == 0 {
			return errors.New("the token has not been issued yet")
		}
		return writePrivate(file, token)
	}
}
