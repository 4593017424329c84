package podpolicy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	require.NoError(t, yaml.Unmarshal([]byte(text), &o.Object))
	return o
}

// fields returns where o breaks a policy.
func fields(t *testing.T, level string, accounts []string, o *unstructured.Unstructured) string {
	t.Helper()
	p, err := New(level, accounts)
	require.NoError(t, err)
	var list []string
	for _, v := range p.Check(o) {
		require.NotEmpty(t, v.Message)
		list = append(list, v.Field)
	}
	return strings.Join(list, " ")
}

type workload struct{ around, path string }

// workloads returns where the pods are in objects that have some.
func workloads() map[string]workload {
	return map[string]workload{
		"Pod":         {`{apiVersion: v1, kind: Pod, spec: POD}`, "spec"},
		"PodTemplate": {`{apiVersion: v1, kind: PodTemplate, template: {spec: POD}}`, "template.spec"},
		"Deployment":  {`{apiVersion: apps/v1, kind: Deployment, spec: {template: {spec: POD}}}`, "spec.template.spec"},
		"StatefulSet": {`{apiVersion: apps/v1, kind: StatefulSet, spec: {template: {spec: POD}}}`, "spec.template.spec"},
		"DaemonSet":   {`{apiVersion: apps/v1, kind: DaemonSet, spec: {template: {spec: POD}}}`, "spec.template.spec"},
		"Job":         {`{apiVersion: batch/v1, kind: Job, spec: {template: {spec: POD}}}`, "spec.template.spec"},
		"CronJob":     {`{apiVersion: batch/v1, kind: CronJob, spec: {jobTemplate: {spec: {template: {spec: POD}}}}}`, "spec.jobTemplate.spec.template.spec"},
		"an operator's": {
			`{apiVersion: example.org/v1, kind: Rollout, spec: {steps: [{pods: POD}]}}`, "spec.steps[0].pods",
		},
	}
}

func TestEscapesAreRefusedInEveryWorkload(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		pod   string
		below string // the field, below the pod's spec
	}{
		"privileged":             {`{containers: [{name: c, securityContext: {privileged: true}}]}`, ""},
		"privileged init":        {`{containers: [{name: c}], initContainers: [{name: i, securityContext: {privileged: true}}]}`, ""},
		"hostPID":                {`{containers: [{name: c}], hostPID: true}`, ""},
		"hostIPC":                {`{containers: [{name: c}], hostIPC: true}`, ""},
		"hostNetwork":            {`{containers: [{name: c}], hostNetwork: true}`, ""},
		"host path":              {`{containers: [{name: c}], volumes: [{name: v, hostPath: {path: /}}]}`, ""},
		"host port":              {`{containers: [{name: c, ports: [{containerPort: 1, hostPort: 1}]}]}`, ""},
		"capability":             {`{containers: [{name: c, securityContext: {capabilities: {add: [SYS_ADMIN]}}}]}`, ""},
		"foreign account":        {`{containers: [{name: c}], serviceAccountName: admin}`, ".serviceAccountName"},
		"foreign account, old":   {`{containers: [{name: c}], serviceAccount: admin}`, ".serviceAccount"},
		"all taints":             {`{containers: [{name: c}], tolerations: [{key: a, operator: Exists}, {operator: Exists}]}`, ".tolerations[1]"},
		"all taints of a kind":   {`{containers: [{name: c}], tolerations: [{operator: Exists, effect: NoSchedule}]}`, ".tolerations[0]"},
		"control plane":          {`{containers: [{name: c}], tolerations: [{key: node-role.kubernetes.io/control-plane}]}`, ".tolerations[0]"},
		"node":                   {`{containers: [{name: c}], nodeName: n1}`, ".nodeName"},
		"priority of the system": {`{containers: [{name: c}], priorityClassName: system-node-critical}`, ".priorityClassName"},
		"a list of another type": {`{containers: [{name: c, image: [x]}], hostPID: true}`, ""},
	} {
		for kind, w := range workloads() {
			o := object(t, strings.ReplaceAll(w.around, "POD", tc.pod))
			require.Equal(t, w.path+tc.below, fields(t, Baseline, nil, o), "%s in %s", name, kind)
			below := map[bool]string{true: w.path + tc.below}[strings.HasPrefix(name, "foreign")]
			require.Equal(t, below, fields(t, Privileged, nil, o), "%s in %s without bounds", name, kind)
			require.Empty(t, fields(t, Privileged, []string{AnyServiceAccount}, o))
		}
	}
}

func TestOrdinaryPodsPass(t *testing.T) {
	t.Parallel()
	for kind, w := range workloads() {
		o := object(t, strings.ReplaceAll(w.around, "POD", `{serviceAccountName: builder, priorityClassName: high,
			nodeSelector: {disk: fast}, tolerations: [{key: gpu, operator: Exists}], volumes: [{name: v, emptyDir: {}}],
			containers: [{name: c, ports: [{containerPort: 80}], livenessProbe: {httpGet: {port: 80}}}]}`))
		require.Empty(t, fields(t, Baseline, []string{"builder"}, o), kind)
		require.NotEmpty(t, fields(t, Restricted, []string{"builder"}, o), "%s runs as root", kind)
	}
	hardened := object(t, strings.ReplaceAll(workloads()["Deployment"].around, "POD", `{
		securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}},
		containers: [{name: c, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]}`))
	require.Empty(t, fields(t, Restricted, nil, hardened))
}

func TestOtherObjects(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, want string }{
		"load balancer":   {`{apiVersion: v1, kind: Service, spec: {type: LoadBalancer, ports: [{port: 1, nodePort: 30000}]}}`, ""},
		"external name":   {`{apiVersion: v1, kind: Service, spec: {type: ExternalName, externalName: x}}`, ""},
		"external IPs":    {`{apiVersion: v1, kind: Service, spec: {externalIPs: [10.0.0.1]}}`, "spec.externalIPs"},
		"role binding":    {`{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding}`, "kind"},
		"claim":           {`{apiVersion: v1, kind: PersistentVolumeClaim, spec: {accessModes: [ReadWriteOnce]}}`, ""},
		"a named volume":  {`{apiVersion: v1, kind: PersistentVolumeClaim, spec: {accessModes: [ReadWriteOnce], volumeName: v}}`, "spec.volumeName"},
		"claim template":  {`{apiVersion: apps/v1, kind: StatefulSet, spec: {volumeClaimTemplates: [{spec: {accessModes: [x], volumeName: v}}]}}`, "spec.volumeClaimTemplates[0].spec.volumeName"},
		"host path":       {`{apiVersion: v1, kind: PersistentVolume, spec: {hostPath: {path: /}}}`, "spec.hostPath"},
		"data is no pod":  {`{apiVersion: v1, kind: ConfigMap, data: {hostPID: "true", nodeName: one}}`, ""},
		"labels are none": {`{apiVersion: apps/v1, kind: Deployment, metadata: {labels: {nodeName: one}}, spec: {selector: {matchLabels: {serviceAccount: x}}}}`, ""},
		"a token":         {`{apiVersion: v1, kind: Secret, type: kubernetes.io/service-account-token, metadata: {annotations: {kubernetes.io/service-account.name: admin}}}`, "metadata.annotations[kubernetes.io/service-account.name]"},
		"a plain secret":  {`{apiVersion: v1, kind: Secret, metadata: {annotations: {kubernetes.io/service-account.name: admin}}}`, ""},
		"part of a pod":   {`{apiVersion: example.org/v1, kind: Task, spec: {steps: [{script: x, securityContext: {privileged: true}}]}}`, "spec.steps[0]"},
		"account of a CR": {`{apiVersion: example.org/v1, kind: Task, spec: {serviceAccount: {name: admin}}}`, "spec.serviceAccount.name"},
		"pod of a CR":     {`{apiVersion: example.org/v1, kind: Task, spec: {podTemplate: {hostNetwork: true}}}`, "spec.podTemplate"},
	} {
		require.Equal(t, tc.want, fields(t, Baseline, nil, object(t, tc.text)), name)
	}
}
