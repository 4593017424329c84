package kinds

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/kubeorch/core/models"
)

// bound is one field of a kind, with values at, below and above what it may
// be. Values are YAML.
type bound struct {
	typ    string
	base   string // the drawing that the value is put into, besides its name
	field  string // where the value is drawn
	at     string // where it is in the object that is rendered first
	values []string
}

const (
	aPod       = "{image: nginx, port: 80}"
	aContainer = "spec.template.spec.containers.0."
)

func bounds() []bound {
	probes := []string{
		"{tcpSocket: {port: 0}}", "{tcpSocket: {port: 1}}", "{tcpSocket: {port: 65535}}", "{tcpSocket: {port: 65536}}",
		"{tcpSocket: {port: http}}", "{tcpSocket: {port: UPPER}}", "{tcpSocket: {port: sixteen-letters-}}",
		"{httpGet: {port: 80, scheme: HTTPS}}", "{httpGet: {port: 80, scheme: https}}", "{httpGet: {port: 80, httpHeaders: [{name: X-A}]}}",
		"{httpGet: {port: 80, httpHeaders: [{name: 'X A'}]}}", "{exec: {command: []}}", "{exec: {command: [a]}}", "{grpc: {port: 0}}", "{grpc: {port: 1}}",
		"{}", "{tcpSocket: {port: 1}, exec: {command: [a]}}",
		"{exec: {command: [a]}, successThreshold: 0}", "{exec: {command: [a]}, successThreshold: 2}", "{exec: {command: [a]}, successThreshold: -1}",
		"{exec: {command: [a]}, failureThreshold: -1}", "{exec: {command: [a]}, initialDelaySeconds: -1}", "{exec: {command: [a]}, periodSeconds: 0}",
		"{exec: {command: [a]}, terminationGracePeriodSeconds: 0}", "{exec: {command: [a]}, terminationGracePeriodSeconds: 1}",
	}
	number := []string{"-1", "0", "1", "2147483647", "2147483648"}
	long := []string{"-1", "0", "2147483648", "9223372036854775807"}
	port := []string{"-1", "0", "1", "65535", "65536"}
	name := []string{"a", "a.b", "A", "a_b", "-a", strings.Repeat("a", 63), strings.Repeat("a", 64), strings.Repeat("a", 253), strings.Repeat("a", 254)}
	storage := []string{"1Gi", "0", "-1", "1", "500m", "1.5Gi", "x"}
	modes := []string{"[ReadWriteOnce]", "[ReadWriteOnce, ReadOnlyMany]", "[ReadWriteOncePod]", "[ReadWriteOncePod, ReadWriteOnce]", "[Anything]"}
	return []bound{
		{TypeDeployment, aPod, "replicas", "spec.replicas", number},
		{TypeDeployment, aPod, "minReadySeconds", "spec.minReadySeconds", []string{"-1", "0", "599", "600"}},
		{TypeDeployment, "{image: nginx, minReadySeconds: 5}", "progressDeadlineSeconds", "spec.progressDeadlineSeconds", []string{"-1", "5", "6", "2147483647"}},
		{TypeDeployment, aPod, "revisionHistoryLimit", "spec.revisionHistoryLimit", number},
		{TypeDeployment, aPod, "strategy", "spec.strategy", []string{
			"{type: Recreate}", "{type: RollingUpdate}", "{type: Slowly}", "{type: Recreate, rollingUpdate: {maxSurge: 1}}", "{rollingUpdate: {maxSurge: -1}}",
			"{rollingUpdate: {maxSurge: 0}}", "{rollingUpdate: {maxSurge: 100%}}", "{rollingUpdate: {maxSurge: 101%}}", "{rollingUpdate: {maxSurge: 1000%}}",
			"{rollingUpdate: {maxSurge: -1%}}", "{rollingUpdate: {maxSurge: '5'}}", "{rollingUpdate: {maxSurge: 1.5%}}", "{rollingUpdate: {maxUnavailable: -1}}",
			"{rollingUpdate: {maxUnavailable: 0}}", "{rollingUpdate: {maxUnavailable: 1000}}", "{rollingUpdate: {maxUnavailable: 100%}}",
			"{rollingUpdate: {maxUnavailable: 101%}}", "{rollingUpdate: {maxUnavailable: 0, maxSurge: 0}}", "{rollingUpdate: {maxUnavailable: 00%, maxSurge: 0%}}",
			"{rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}",
		}},
		{TypeDeployment, aPod, "terminationGracePeriodSeconds", "spec.template.spec.terminationGracePeriodSeconds", long[1:]},
		{TypeDeployment, aPod, "livenessProbe", aContainer + "livenessProbe", probes},
		{TypeDeployment, aPod, "readinessProbe", aContainer + "readinessProbe", probes},
		{TypeDeployment, aPod, "startupProbe", aContainer + "startupProbe", probes},
		{TypeDeployment, aPod, "lifecycle", aContainer + "lifecycle", []string{
			"{preStop: {exec: {command: [a]}}}", "{preStop: {exec: {command: []}}}", "{preStop: {}}", "{postStart: {sleep: {seconds: 5}}}",
			"{postStart: {httpGet: {port: 80}, exec: {command: [a]}}}", "{postStart: {httpGet: {port: 0}}}", "{postStart: {tcpSocket: {port: 80}}}",
		}},
		{TypeDeployment, aPod, "tolerations", "spec.template.spec.tolerations", []string{
			"[{operator: Exists}]", "[{}]", "[{key: a, operator: Exists, value: b}]", "[{key: a, effect: NoExecute, tolerationSeconds: -1}]",
			"[{key: a, effect: NoSchedule, tolerationSeconds: 1}]", "[{key: a, operator: Gt, value: '1'}]", "[{key: a, effect: Sometimes}]", "[{key: 'a b'}]",
			"[{key: a, value: 'b c'}]",
		}},
		{TypeDeployment, "{image: nginx}", "ports", aContainer + "ports", []string{
			"[{containerPort: 0}]", "[{containerPort: 1}]", "[{containerPort: 65535}]", "[{containerPort: 65536}]", "[{containerPort: 1, hostPort: 0}]",
			"[{containerPort: 1, hostPort: 65536}]", "[{containerPort: 1, hostPort: 9}, {containerPort: 2, hostPort: 9}]",
			"[{containerPort: 1, hostPort: 9}, {containerPort: 2, hostPort: 9, protocol: UDP}]", "[{containerPort: 1, name: fifteen-letters}]",
			"[{containerPort: 1, name: sixteen-letterss}]", "[{containerPort: 1, name: '80'}]", "[{containerPort: 1, name: a}, {containerPort: 2, name: a}]",
			"[{containerPort: 1, protocol: tcp}]", "[{containerPort: 1, protocol: SCTP}]",
		}},
		{TypeDeployment, "{image: nginx, hostNetwork: true}", "ports", aContainer + "ports", []string{
			"[{containerPort: 1}]", "[{containerPort: 1, hostPort: 1}]", "[{containerPort: 1, hostPort: 2}]",
		}},
		{TypeDeployment, aPod, "resources", aContainer + "resources", []string{
			"{limits: {cpu: '0'}}", "{limits: {cpu: '-1'}}", "{limits: {memory: 100m}}", "{limits: {cpu: '1'}, requests: {cpu: '2'}}",
			"{limits: {cpu: '1'}, requests: {cpu: 1000m}}", "{limits: {example.com/gpu: '1'}, requests: {example.com/gpu: '1'}}", "{limits: {ephemeral-storage: 1Gi}}",
			"{limits: {gpu: '1'}}", "{limits: {example.com/gpu: 500m}}", "{limits: {cpu: 1.0001}}", "{limits: {'a b': '1'}}",
			"{limits: {example.com/gpu: '2'}, requests: {example.com/gpu: '1'}}", "{requests: {example.com/gpu: '1'}}",
		}},
		{TypeDeployment, aPod, "nodeSelector", "spec.template.spec.nodeSelector", []string{"{a: b}", "{'a b': c}", "{a: 'b c'}", "{kubeorch.io/x: z}"}},
		{TypeDeployment, aPod, "serviceAccountName", "spec.template.spec.serviceAccountName", name},
		{TypeDeployment, aPod, "affinity", "spec.template.spec.affinity", []string{
			weighted("0"), weighted("1"), weighted("100"), weighted("101"),
		}},
		{TypeDeployment, "{image: nginx, volumeMounts: [{type: configMap, name: a, mountPath: /a, defaultMode: 1}]}", "volumeMounts.0.defaultMode", "spec.template.spec.volumes.0.configMap.defaultMode", []string{"-1", "0", "511", "512"}},
		{TypeDeployment, "{image: nginx, volumeMounts: [{type: configMap, name: a, mountPath: /a}]}", "volumeMounts.0.mountPath", aContainer + "volumeMounts.0.mountPath", []string{"/a", "a", "/a:b", `'C:\data'`, "/"}},
		{TypeDeployment, "{image: nginx, volumeMounts: [{type: configMap, name: a, mountPath: /a}]}", "volumeMounts.0.subPath", aContainer + "volumeMounts.0.subPath", []string{"a", "/a", "..", "a/../b", "a..b", "./a"}},
		{TypeDeployment, "{image: nginx, env: [{name: A, value: b}]}", "env.0.name", aContainer + "env.0.name", []string{"A", "a.b-c", "1", "A B", "'A=B'"}},
		{TypeDeployment, aPod, "labels", "metadata.labels", []string{"{a: " + strings.Repeat("a", 63) + "}", "{a: " + strings.Repeat("a", 64) + "}", "{" + strings.Repeat("a", 64) + ": a}", "{a/b/c: d}"}},

		{TypeStatefulSet, aPod, "replicas", "spec.replicas", number},
		{TypeStatefulSet, aPod, "minReadySeconds", "spec.minReadySeconds", number},
		{TypeStatefulSet, aPod, "revisionHistoryLimit", "spec.revisionHistoryLimit", number},
		{TypeStatefulSet, aPod, "updateStrategy", "spec.updateStrategy", []string{
			"{type: OnDelete}", "{type: OnDelete, rollingUpdate: {partition: 0}}", "{type: Recreate}", "{rollingUpdate: {partition: -1}}", "{rollingUpdate: {partition: 0}}",
			"{rollingUpdate: {maxUnavailable: 0}}", "{rollingUpdate: {maxUnavailable: 0%}}", "{rollingUpdate: {maxUnavailable: 1}}", "{rollingUpdate: {maxUnavailable: 100%}}",
			"{rollingUpdate: {maxUnavailable: 101%}}", "{rollingUpdate: {maxUnavailable: -1}}",
		}},
		{TypeStatefulSet, aPod, "podManagementPolicy", "spec.podManagementPolicy", []string{"Parallel", "OrderedReady", "Other"}},
		{TypeStatefulSet, aPod, "persistentVolumeClaimRetentionPolicy", "spec.persistentVolumeClaimRetentionPolicy", []string{"{whenDeleted: Delete}", "{whenScaled: Keep}"}},
		{TypeStatefulSet, aPod, "serviceName", "spec.serviceName", []string{"a", "1db", "A", "a.b", strings.Repeat("a", 63), strings.Repeat("a", 64)}},
		{TypeStatefulSet, "{image: nginx, volumeClaimTemplates: [{name: data}]}", "volumeClaimTemplates.0.accessModes", "spec.volumeClaimTemplates.0.spec.accessModes", modes},
		{TypeStatefulSet, "{image: nginx, volumeClaimTemplates: [{name: data}]}", "volumeClaimTemplates.0.storage", "spec.volumeClaimTemplates.0.spec.resources.requests.storage", storage},

		{TypeDaemonSet, aPod, "minReadySeconds", "spec.minReadySeconds", number},
		{TypeDaemonSet, aPod, "revisionHistoryLimit", "spec.revisionHistoryLimit", number},
		{TypeDaemonSet, aPod, "maxUnavailable", "spec.updateStrategy.rollingUpdate.maxUnavailable", []string{"-1", "0", "1", "1000", "0%", "1%", "100%", "101%", "+1%", "1.5%", "x%"}},
		{TypeDaemonSet, aPod, "updateStrategy", "spec.updateStrategy", []string{
			"{type: OnDelete}", "{type: Other}", "{rollingUpdate: {maxSurge: 1}}", "{rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}",
			"{rollingUpdate: {maxSurge: 100%, maxUnavailable: 0}}", "{rollingUpdate: {maxSurge: 101%, maxUnavailable: 0}}", "{rollingUpdate: {maxSurge: 0, maxUnavailable: 0}}",
			"{rollingUpdate: {maxUnavailable: 0}}", "{rollingUpdate: {maxUnavailable: 100%}}", "{rollingUpdate: {maxUnavailable: 101%}}",
			"{type: OnDelete, rollingUpdate: {maxSurge: 150%}}", "{rollingUpdate: {maxSurge: 0%}}",
		}},

		{TypeJob, aPod, "completions", "spec.completions", number},
		{TypeJob, aPod, "parallelism", "spec.parallelism", number},
		{TypeJob, aPod, "backoffLimit", "spec.backoffLimit", number},
		{TypeJob, aPod, "activeDeadlineSeconds", "spec.activeDeadlineSeconds", long},
		{TypeJob, aPod, "ttlSecondsAfterFinished", "spec.ttlSecondsAfterFinished", number},
		{TypeJob, aPod, "restartPolicy", "spec.template.spec.restartPolicy", []string{"Never", "OnFailure", "Always"}},

		{TypeCronJob, aPod, "schedule", "spec.schedule", []string{
			"'0 * * * *'", "'60 * * * *'", "'@hourly'", "'@every 1h'", "'@every -1s'", "'* * * *'", "'* * * * * *'", "'TZ=UTC 0 * * * *'", "'0 0 31 2 *'", "'*/0 * * * *'",
		}},
		{TypeCronJob, "{image: nginx, schedule: '@daily'}", "timeZone", "spec.timeZone", []string{"UTC", "Europe/Berlin", "local", "Local", "Nowhere/Land", "../UTC", "GMT+5", "Etc/GMT+5"}},
		{TypeCronJob, "{image: nginx, schedule: '@daily'}", "startingDeadlineSeconds", "spec.startingDeadlineSeconds", long},
		{TypeCronJob, "{image: nginx, schedule: '@daily'}", "successfulJobsHistoryLimit", "spec.successfulJobsHistoryLimit", number},
		{TypeCronJob, "{image: nginx, schedule: '@daily'}", "failedJobsHistoryLimit", "spec.failedJobsHistoryLimit", number},
		{TypeCronJob, "{image: nginx, schedule: '@daily'}", "concurrencyPolicy", "spec.concurrencyPolicy", []string{"Allow", "Forbid", "Replace", "Other"}},

		{TypeService, "{targetApp: a, targetPort: 80}", "port", "spec.ports.0.port", port},
		{TypeService, "{targetApp: a, port: 80}", "targetPort", "spec.ports.0.targetPort", append(port, "http", "fifteen-letters", "sixteen-letterss", "UPPER")},
		{TypeService, "{targetApp: a, port: 80}", "loadBalancerIP", "spec.loadBalancerIP", []string{"10.0.0.1", "host", "010.0.0.1"}},
		{TypeService, "{targetApp: a, port: 80}", "appProtocol", "spec.ports.0.appProtocol", []string{"http", "example.com/a", "a b"}},
		{TypeService, "{targetApp: a, port: 80, sessionAffinity: ClientIP}", "sessionAffinityTimeout", "spec.sessionAffinityConfig.clientIP.timeoutSeconds", []string{"0", "1", "86400", "86401"}},
		{TypeService, "{targetApp: a, port: 80, serviceType: LoadBalancer}", "loadBalancerSourceRanges", "spec.loadBalancerSourceRanges", []string{"[10.0.0.0/8]", "[10.0.0.1/8]", "[10.0.0.0]", "[010.0.0.0/8]", "['::/0']"}},
		{TypeService, "{targetApp: a, port: 80}", "externalTrafficPolicy", "spec.externalTrafficPolicy", []string{"Local", "Cluster"}},
		{TypeService, "{targetApp: a}", "ports", "spec.ports", []string{
			"[{port: 1, name: a}, {port: 1, name: b}]", "[{port: 1, name: a}, {port: 1, name: b, protocol: UDP}]", "[{port: 1, name: a}, {port: 2, name: a}]",
			"[{port: 1, name: " + strings.Repeat("a", 63) + "}]", "[{port: 1, name: " + strings.Repeat("a", 64) + "}]", "[{port: 1, protocol: tcp}]",
		}},

		{TypeIngress, anIngress, "host", "spec.rules.0.host", []string{"a.example", "'*.example'", "'*'", "a.*.b", "10.0.0.1", "010.0.0.1", "'::1'", "A.example"}},
		{TypeIngress, anIngress, "paths.0.path", "spec.rules.0.http.paths.0.path", []string{"/", "/a/", "a", "//", "/a/../b", "/a/..", "/a%2fb", "/a b", "/./"}},
		{TypeIngress, anIngress, "paths.0.pathType", "spec.rules.0.http.paths.0.pathType", []string{"Exact", "Prefix", "ImplementationSpecific", "Regex"}},
		{TypeIngress, anIngress, "paths.0.servicePort", "spec.rules.0.http.paths.0.backend.service.port.number", port[2:]},
		{TypeIngress, anIngress, "paths.0.serviceName", "spec.rules.0.http.paths.0.backend.service.name", []string{"a", "1a", "A", "a.b", strings.Repeat("a", 63), strings.Repeat("a", 64)}},
		{TypeIngress, "{host: a.example, tlsEnabled: true, tlsHosts: [a], paths: [{id: p, path: /, serviceName: a, servicePort: 80}]}", "tlsHosts.0", "spec.tls.0.hosts.0", []string{"a.example", "10.0.0.1", "'*.a'", "'*'", "A"}},
		{TypeIngress, "{host: a.example, tlsEnabled: true, tlsSecretName: x, paths: [{id: p, path: /, serviceName: a, servicePort: 80}]}", "tlsSecretName", "spec.tls.0.secretName", name},
		{TypeIngress, anIngress, "ingressClassName", "spec.ingressClassName", name},

		{TypeHPA, anHPA, "minReplicas", "spec.minReplicas", []string{"-1", "0", "1", "3", "4"}},
		{TypeHPA, "{scaleTargetName: a, targetCPUUtilization: 80}", "maxReplicas", "spec.maxReplicas", []string{"-1", "0", "1", "2147483647", "2147483648"}},
		{TypeHPA, anHPA, "targetCPUUtilization", "spec.metrics.0.resource.target.averageUtilization", []string{"0", "1", "100", "150", "2147483647", "2147483648"}},
		{TypeHPA, anHPA, "scaleDownStabilization", "spec.behavior.scaleDown.stabilizationWindowSeconds", []string{"-1", "0", "3600", "3601"}},
		{TypeHPA, anHPA, "scaleUpStabilization", "spec.behavior.scaleUp.stabilizationWindowSeconds", []string{"-1", "0", "3600", "3601"}},

		{TypePolicy, aPolicy, "ingressRules.0.ports.0.port", "spec.ingress.0.ports.0.port", append(port, "http", "UPPER")},
		{TypePolicy, "{ingressRules: [{id: r, ports: [{port: 80, endPort: 90}]}]}", "ingressRules.0.ports.0.endPort", "spec.ingress.0.ports.0.endPort", []string{"79", "80", "65535", "65536"}},
		{TypePolicy, "{ingressRules: [{id: r, from: [{type: ipBlock, ipBlock: {cidr: 10.0.0.0/8}}]}]}", "ingressRules.0.from.0.ipBlock", "spec.ingress.0.from.0.ipBlock", []string{
			"{cidr: 10.0.0.0/8}", "{cidr: 10.0.0.1/8}", "{cidr: 10.0.0.0/33}", "{cidr: 10.0.0.0/8, except: [10.1.0.0/16]}", "{cidr: 10.0.0.0/8, except: [10.0.0.0/8]}",
			"{cidr: 10.0.0.0/8, except: [11.0.0.0/16]}", "{cidr: '::/0', except: [10.0.0.0/16]}",
		}},

		{TypeConfigMap, "{data: {a: b}}", "data", "data", []string{"{a.b_c-d: x}", "{..: x}", "{'a b': x}", "{a: " + strings.Repeat("x", 1<<20) + "}", "{a: " + strings.Repeat("x", 1<<20+1) + "}", "{" + strings.Repeat("a", 253) + ": x}", "{" + strings.Repeat("a", 254) + ": x}"}},
		{TypeClaim, "{storage: 1Gi}", "storage", "spec.resources.requests.storage", storage},
		{TypeClaim, "{storage: 1Gi}", "accessModes", "spec.accessModes", modes},
		{TypeClaim, "{storage: 1Gi}", "volumeMode", "spec.volumeMode", []string{"Block", "Filesystem", "Other"}},
		{TypeClaim, "{storage: 1Gi}", "storageClassName", "spec.storageClassName", name},
	}
}

const (
	anIngress = "{host: a.example, paths: [{id: p, path: /, serviceName: a, servicePort: 80}]}"
	anHPA     = "{scaleTargetName: a, maxReplicas: 3, targetCPUUtilization: 80}"
	aPolicy   = "{ingressRules: [{id: r, ports: [{port: 80}]}]}"
)

func weighted(n string) string {
	return "{nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: " + n + ", preference: {matchExpressions: [{key: a, operator: Exists}]}}]}}"
}

// stricter names what Check refuses although an API server takes it, with the
// reason.
func stricter() map[string]string {
	const noPods = "the controller makes no pods with it"
	return map[string]string{
		"statefulset revisionHistoryLimit: -1":         noPods,
		"statefulset revisionHistoryLimit: 2147483648": "the API server keeps another number, a negative one",
		"service loadBalancerIP: host":                 "no load balancer takes it",
		"service loadBalancerIP: 010.0.0.1":            "it is another address to each reader",
	}
}

// TestBoundsAreThoseOfTheCluster: what Check takes, a real API server takes,
// and what Check refuses, it refuses.
func TestBoundsAreThoseOfTheCluster(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	namespace := cluster.Namespace(t)
	kinds := allKinds(t)
	for _, b := range bounds() {
		t.Run(b.typ+"/"+b.field, func(t *testing.T) {
			t.Parallel()
			kind, _ := kinds.Lookup(b.typ)
			for _, value := range b.values {
				row := fmt.Sprintf("%s %s: %.80s", b.typ, b.field, value)
				n := b.draw(t, value)
				problems := kind.Check(n)
				err := tryObjects(t, cluster, namespace, b.objects(t, kind, value))
				if why, known := stricter()[row]; known {
					require.NotEmpty(t, problems, row)
					require.NoError(t, err, "%s is refused by the cluster too: %s", row, why)
					continue
				}
				require.Equal(t, err == nil, len(problems) == 0, "%s\nwe say %q\nthe cluster says %v", row, problems, err)
				if len(problems) == 0 {
					require.NoError(t, dryRun(t, cluster, namespace, kind, n), row)
				}
			}
		})
	}
}

// draw returns the drawing with value in it.
func (b bound) draw(t *testing.T, value string) *Node {
	t.Helper()
	n := b.plain(t)
	put := parse(t, value)
	at := strings.Split(b.field, ".")
	setAt(t, map[string]any(n.Data), at, put)
	return n
}

func (b bound) plain(t *testing.T) *Node {
	t.Helper()
	raw, err := yaml.YAMLToJSONStrict([]byte(b.base))
	require.NoError(t, err)
	n := drawnNode(t, b.typ, string(raw))
	n.Data["name"] = "web"
	return n
}

// objects returns what the drawing without value renders to, with value put
// into the object itself.
func (b bound) objects(t *testing.T, kind Kind, value string) []*unstructured.Unstructured {
	t.Helper()
	n := b.plain(t)
	if b.field == "schedule" || b.field == "port" || b.field == "maxReplicas" || b.field == "ports" && b.typ == TypeService {
		n = b.draw(t, map[string]string{"schedule": "'@daily'", "port": "80", "maxReplicas": "3", "ports": "[{port: 1, name: a}]"}[b.field])
	}
	require.Empty(t, kind.Check(n), "the drawing without a value")
	objs, err := kind.Render(n)
	require.NoError(t, err)
	i := slices.IndexFunc(objs, func(o *unstructured.Unstructured) bool {
		return b.typ != TypeStatefulSet || o.GetKind() == "StatefulSet"
	})
	setAt(t, objs[i].Object, strings.Split(b.at, "."), parse(t, value))
	return objs[i : i+1]
}

func parse(t *testing.T, value string) any {
	t.Helper()
	raw, err := yaml.YAMLToJSONStrict([]byte(value))
	require.NoError(t, err)
	var d models.Data
	require.NoError(t, json.Unmarshal([]byte(`{"v": `+string(raw)+`}`), &d))
	return d["v"]
}

// setAt puts v at a path of keys and indexes, making objects on the way.
func setAt(t *testing.T, in any, path []string, v any) {
	t.Helper()
	switch in := in.(type) {
	case []any:
		i, err := strconv.Atoi(path[0])
		require.NoError(t, err)
		if len(path) == 1 {
			in[i] = v
			return
		}
		setAt(t, in[i], path[1:], v)
	case map[string]any:
		if len(path) == 1 {
			in[path[0]] = merged(in[path[0]], v)
			return
		}
		if in[path[0]] == nil {
			in[path[0]] = map[string]any{}
		}
		setAt(t, in[path[0]], path[1:], v)
	default:
		require.Fail(t, "no place", "%v in %T", path, in)
	}
}

// merged keeps the labels that an object has already.
func merged(old, v any) any {
	a, isMap := old.(map[string]any)
	b, both := v.(map[string]any)
	if !isMap || !both || !slices.Contains(slices.Collect(maps.Keys(a)), "managed-by") {
		return v
	}
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}
