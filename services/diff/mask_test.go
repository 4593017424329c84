package diff

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"pgregory.net/rapid"

	"github.com/kubeorch/core/models"
)

// TestNoByteOfASecretIsShown makes two states of a Secret, with copies of values in
// annotations and labels, and looks for the values in what is shown.
func TestNoByteOfASecretIsShown(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.StringMatching(`[A-Za-z0-9"\\ <é]{4,40}`), 1, 6).Draw(t, "values")
		live, would := secretWith(t, values), secretWith(t, values)
		shown, err := json.Marshal(map[string]any{"changes": Changes(live, would), "additions": Additions(live, ours)})
		if err != nil {
			t.Fatal(err)
		}
		var text any
		if err := json.Unmarshal(shown, &text); err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			for _, form := range []string{v, base64.StdEncoding.EncodeToString([]byte(v))} {
				if s := fmt.Sprint(text); strings.Contains(s, form) {
					t.Fatalf("%q is shown: %s", v, s)
				}
			}
		}
	})
}

func secretWith(t *rapid.T, values []string) *unstructured.Unstructured {
	one := rapid.SampledFrom(values)
	data, plain, annotations := map[string]any{}, map[string]any{}, map[string]any{}
	for _, key := range rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 0, 4).Draw(t, "keys") {
		data[key] = base64.StdEncoding.EncodeToString([]byte(one.Draw(t, "value")))
		plain[key] = one.Draw(t, "plain")
	}
	copied, err := json.Marshal(map[string]any{"data": data, "stringData": plain})
	if err != nil {
		t.Fatal(err)
	}
	annotations[lastApplied] = string(copied)
	annotations["tool/copy"] = "x" + one.Draw(t, "copied")
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret", "data": data, "stringData": plain,
		"metadata": map[string]any{"annotations": annotations, "managedFields": []any{
			map[string]any{"manager": "kubectl", "operation": "Update", "fieldsV1": map[string]any{
				"f:data":     map[string]any{"f:a": map[string]any{}, "f:b": map[string]any{}},
				"f:metadata": map[string]any{"f:annotations": map[string]any{"f:" + lastApplied: map[string]any{}, "f:tool/copy": map[string]any{}}},
			}},
		}},
	}}
}

func TestValuesOfASecretInOtherFieldsAreHidden(t *testing.T) {
	t.Parallel()
	live := object(t, `{apiVersion: v1, kind: Secret, metadata: {labels: {copy: hunter22, app: web}}, data: {p: aHVudGVyMjI=}}`)
	would := object(t, `{apiVersion: v1, kind: Secret, metadata: {labels: {copy: none, app: api}}, data: {p: bmV3ZXI=}}`)
	require.Equal(t, []models.FieldChange{
		{Path: "data.p", From: models.MaskedValue, To: models.MaskedValue},
		{Path: "metadata.labels.app", From: "web", To: "api"},
		{Path: "metadata.labels.copy", From: models.MaskedValue, To: "none"},
	}, Changes(live, would))
}
