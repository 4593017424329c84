package catalogue

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/template"
	"github.com/kubeorch/core/templates"
)

func TestTemplatesAreThePalette(t *testing.T) {
	t.Parallel()
	reg, err := template.Load(templates.FS)
	require.NoError(t, err)
	svc, err := NewTemplates(reg)
	require.NoError(t, err)

	var got []string
	for _, m := range svc.List() {
		got = append(got, strings.Join([]string{m.ID, m.Name, m.DisplayName, m.Category, m.Icon, m.UsageFrequency, m.Difficulty, strings.Join(m.Tags, " ")}, "|"))
		require.Equal(t, "1.0.0", m.Version)
		require.NotEmpty(t, m.Description)
	}
	require.Equal(t, []string{
		"core/deployment|deployment|Deployment|core|Package|very-high|easy|workload containers scaling",
		"core/service|service|Service|core|Network|high|easy|networking load-balancer service-discovery",
		"core/ingress|ingress|Ingress|networking|Globe|high|medium|networking routing http https load-balancer",
		"core/configmap|configmap|ConfigMap|configuration|FileSliders|high|easy|configuration config environment",
		"core/secret|secret|Secret|configuration|Lock|high|easy|configuration secret security",
		"core/persistentvolumeclaim|persistentvolumeclaim|PersistentVolumeClaim|storage|HardDrive|high|easy|storage persistence volumes",
		"core/statefulset|statefulset|StatefulSet|core|Database|high|medium|stateful database persistence storage",
		"core/job|job|Job|core|Play|high|easy|batch migration one-time",
		"core/cronjob|cronjob|CronJob|core|Clock|high|easy|scheduled cron batch",
		"core/daemonset|daemonset|DaemonSet|core|Layers|medium|medium|daemon node monitoring logging",
		"core/hpa|hpa|HorizontalPodAutoscaler|core|TrendingUp|high|medium|autoscaling scaling metrics",
		"core/networkpolicy|networkpolicy|NetworkPolicy|core|Shield|medium|hard|security network firewall isolation",
	}, got)
}

// TestTemplateListsAreNeverNull: a browser calls array methods on them.
func TestTemplateListsAreNeverNull(t *testing.T) {
	t.Parallel()
	svc, err := NewTemplates(metadataOf{"core/x": "{name: x, displayName: X, parameters: [{name: zero, type: number, default: 0}]}"})
	require.NoError(t, err)
	raw, err := json.Marshal(svc.List())
	require.NoError(t, err)
	require.Contains(t, string(raw), `"tags":[]`)
	require.Contains(t, string(raw), `"dependencies":[]`)
	require.Contains(t, string(raw), `"default":0`)
}

func TestTemplateParametersKeepTheirDefaults(t *testing.T) {
	t.Parallel()
	reg, err := template.Load(templates.FS)
	require.NoError(t, err)
	svc, err := NewTemplates(reg)
	require.NoError(t, err)
	defaults := map[string]any{}
	for _, m := range svc.List() {
		for _, p := range m.Parameters {
			require.NotEmpty(t, p.Label, "%s.%s", m.Name, p.Name)
			require.NotEmpty(t, p.Description, "%s.%s", m.Name, p.Name)
			if p.Default != nil {
				defaults[m.Name+"."+p.Name] = p.Default
			}
		}
	}
	require.Equal(t, 0, defaults["hpa.scaleUpStabilization"])
	require.Equal(t, false, defaults["cronjob.suspend"])
	require.Equal(t, "0 * * * *", defaults["cronjob.schedule"])
	require.Equal(t, []any{"ReadWriteOnce"}, defaults["persistentvolumeclaim.accessModes"])
	require.Equal(t, "v1", defaults["deployment.version"])
	require.Len(t, defaults, 69)
}

func TestTemplatesReportEveryFault(t *testing.T) {
	t.Parallel()
	_, err := NewTemplates(metadataOf{"core/a": "name: [", "core/b": "{name: b, displayName: B, colour: red}", "core/c": "{}"})
	require.ErrorContains(t, err, "core/a")
	require.ErrorContains(t, err, "colour")
	require.ErrorContains(t, err, "displayName")
}

// metadataOf is a source of metadata files by id.
type metadataOf map[string]string

func (m metadataOf) IDs() []string { return models.Data(anyOf(m)).Keys() }

func (m metadataOf) Metadata(id string) ([]byte, bool) {
	text, ok := m[id]
	return []byte(text), ok
}

func anyOf(m map[string]string) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		out[k] = v
	}
	return out
}
