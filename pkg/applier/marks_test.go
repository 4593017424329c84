package applier

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestMarksOfWholeObjectsAndOfMetadata(t *testing.T) {
	t.Parallel()
	const ports = `{"f:spec":{"f:ports":{"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:port":{}},"k:{\"port\":443,\"protocol\":\"TCP\"}":{".":{},"f:port":{}}}}}`
	at := metav1.Now()
	meta := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "svc", ResourceVersion: "7", ManagedFields: []metav1.ManagedFieldsEntry{
		{Manager: "kubeorch-1", Operation: "Apply", FieldsType: "FieldsV1", Time: &at, FieldsV1: metav1.NewFieldsV1(ports)},
	}}}
	whole := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Service"}}
	whole.SetName("svc")
	whole.SetResourceVersion("7")
	whole.SetManagedFields(meta.ManagedFields)
	want := Marks{Fields: FieldsHash("kubeorch", meta), State: "7"}
	require.Equal(t, want, MarksOf("kubeorch", meta))
	require.Equal(t, want, MarksOf("kubeorch", whole))

	whole.SetManagedFields(nil)
	cleared := MarksOf("kubeorch", whole)
	require.Empty(t, cleared.Fields)
	whole.SetLabels(map[string]string{"a": "b"})
	require.NotEqual(t, cleared, MarksOf("kubeorch", whole), "labels are looked at where nobody says who changed them")
}

func TestMarksOfOthers(t *testing.T) {
	t.Parallel()
	entry := func(manager, subresource, fields string) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: manager, Operation: "Update", Subresource: subresource, FieldsV1: metav1.NewFieldsV1(fields)}
	}
	ours := metav1.ManagedFieldsEntry{Manager: "kubeorch-1", Operation: "Apply", FieldsV1: metav1.NewFieldsV1(`{"f:data":{}}`)}
	others := func(entries ...metav1.ManagedFieldsEntry) string {
		o := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{ManagedFields: append(entries, ours)}}
		return MarksOf("kubeorch", o).Others
	}
	require.Empty(t, others(entry("kube-controller-manager", "", "{}"), entry("gcp-cloud-controller-manager", "", "{}"),
		entry("some-operator", "status", "{}"), entry("kubeorch-initial", "", "{}")))
	require.NotEmpty(t, others(entry("kubectl", "scale", "{}")))
	a, b := entry("kubectl-edit", "", `{"f:a":{}}`), entry("helm", "", `{"f:b":{}}`)
	require.Equal(t, others(a, b), others(b, a))
	require.NotEqual(t, others(a), others(a, b))
}
