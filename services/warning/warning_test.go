package warning

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/services/plan"
)

// found returns the codes of the warnings for a plan of one step for each manifest.
func found(t *testing.T, facts Facts, manifests ...string) (codes []string) {
	t.Helper()
	p := &plan.Plan{}
	for _, m := range manifests {
		o := &unstructured.Unstructured{}
		raw, err := yaml.YAMLToJSON([]byte(m))
		require.NoError(t, err)
		require.NoError(t, o.UnmarshalJSON(raw))
		p.Steps = append(p.Steps, plan.Step{NodeID: o.GetName(), Objects: []*unstructured.Unstructured{o}})
	}
	for _, w := range OfPlan(p, facts) {
		require.NotEmpty(t, w.Node)
		require.NotEmpty(t, w.Message)
		codes = append(codes, w.Code)
	}
	return codes
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	pods := func(spec string) string {
		return `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {template: {spec: ` + spec + `}}}`
	}
	container := func(rest string) string {
		return pods(`{containers: [{name: web, resources: {limits: {cpu: "1", memory: 1Gi}}, ` + rest + `}]}`)
	}
	hpa := func(name, target string) string {
		return `{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: ` + name + `}, spec: {scaleTargetRef: {kind: Deployment, name: ` + target + `}}}`
	}
	const claim = `{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data}, spec: {CLASS}}`
	with := func(names ...string) Classes {
		c := Classes{Known: true, Names: map[string]bool{}}
		for _, n := range names {
			c.Names[n] = true
		}
		return c
	}
	storage := func(class, in string, c Classes) []string {
		if class != "" {
			class = "storageClassName: " + class
		}
		return found(t, Facts{StorageClasses: c}, strings.Replace(in, "CLASS", class, 1))
	}
	ingress := func(class string, c Classes) []string {
		return found(t, Facts{IngressClasses: c}, `{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: in}, spec: {`+class+`}}`)
	}
	for name, tc := range map[string]struct{ got, want []string }{
		"nothing":               {found(t, Facts{}, container(`image: "nginx:1.27"`)), nil},
		"no tag":                {found(t, Facts{}, container(`image: nginx`)), []string{ImageLatest}},
		"tag latest":            {found(t, Facts{}, container(`image: "r.example:5000/a/nginx:latest"`)), []string{ImageLatest}},
		"port, and no tag":      {found(t, Facts{}, container(`image: "r.example:5000/nginx"`)), []string{ImageLatest}},
		"digest":                {found(t, Facts{}, container(`image: "nginx@sha256:`+digest+`"`)), nil},
		"no limits":             {found(t, Facts{}, pods(`{containers: [{name: a, image: "a:1"}], initContainers: [{name: b, image: "b:1", resources: {limits: {cpu: "1"}}}]}`)), []string{NoLimits, NoLimits}},
		"privileged":            {found(t, Facts{}, container(`image: "a:1", securityContext: {privileged: true}`)), []string{Privileged}},
		"host":                  {found(t, Facts{}, pods(`{hostNetwork: true, hostPID: true, volumes: [{name: v, hostPath: {path: /}}]}`)), []string{HostNamespaces, HostNamespaces, HostPath}},
		"job of a cron job":     {found(t, Facts{}, `{kind: CronJob, apiVersion: batch/v1, metadata: {name: t}, spec: {jobTemplate: {spec: {template: {spec: {hostIPC: true}}}}}}`), []string{HostNamespaces}},
		"autoscaler":            {found(t, Facts{}, hpa("a", "web"), pods(`{}`)), nil},
		"two autoscalers":       {found(t, Facts{}, hpa("a", "web"), hpa("b", "web"), hpa("c", "api")), []string{TwoAutoscalers, TwoAutoscalers}},
		"replicas":              {found(t, Facts{}, hpa("a", "web"), `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 2}}`), []string{ReplicasScaled}},
		"unknown classes":       {storage("fast", claim, Classes{}), nil},
		"class is there":        {storage("fast", claim, with("fast")), nil},
		"class is missing":      {storage("fast", claim, with("slow")), []string{StorageClass}},
		"no default class":      {storage("", claim, with("slow")), []string{StorageClass}},
		"class of no provision": {storage(`""`, claim, with()), nil},
		"claim template":        {storage("fast", `{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db}, spec: {volumeClaimTemplates: [{spec: {CLASS}}]}}`, with()), []string{StorageClass}},
		"ingress class":         {ingress("ingressClassName: nginx", with("nginx")), nil},
		"no ingress class":      {ingress("ingressClassName: nginx", with()), []string{IngressClass}},
		"no default ingress":    {ingress("", with("nginx")), []string{IngressClass}},
	} {
		require.Equal(t, tc.want, tc.got, name)
	}
}

const digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestWarningsOfTheDrawingAndOfWhatARunDoes(t *testing.T) {
	t.Parallel()
	p := &plan.Plan{Warnings: models.Problems{{Node: "web", Field: "env", Message: "is odd"}}}
	require.Equal(t, []models.PlanWarning{{Node: "web", Field: "env", Code: Drawing, Message: "is odd"}}, OfPlan(p, Facts{}))
	n := models.NodePlan{
		NodeID: "n", Values: &models.ValuesPlan{Missing: []string{"a", "b"}},
		Objects: []models.ObjectDiff{
			{Kind: "PersistentVolumeClaim", Name: "x", Action: models.PlanReplaced},
			{Kind: "PersistentVolumeClaim", Action: models.PlanRefused, Message: "holds 2Gi and cannot shrink to 1Gi"},
			{Kind: "PersistentVolumeClaim", Action: models.PlanConfigured},
			{Kind: "Job", Action: models.PlanReplaced},
		},
	}
	var codes []string
	for _, w := range OfNode(n) {
		codes = append(codes, w.Code)
	}
	require.Equal(t, []string{ValuesMissing, ClaimReplaced, ClaimShrinks}, codes)
}
