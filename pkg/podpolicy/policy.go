// Package podpolicy judges what the pods of Kubernetes objects may do on their
// nodes and in the cluster. It takes values and returns values.
package podpolicy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// The Pod Security levels.
const (
	Privileged = string(api.LevelPrivileged) // no bounds
	Baseline   = string(api.LevelBaseline)   // no known ways out of a container
	Restricted = string(api.LevelRestricted) // hardened besides
)

// AnyServiceAccount stands for all accounts in a list of service accounts.
const AnyServiceAccount = "*"

// Policy is a Pod Security level and the service accounts that pods may use.
//
// Below Privileged it also refuses what Pod Security leaves to other policies:
// tolerations of all taints and of control planes, nodeName, the priorities of the
// system, host paths and named volumes of the cluster, external addresses of
// Services, and roles and their bindings. LoadBalancer, NodePort and ExternalName
// Services are permitted, since they open nothing but their own pods. Objects of
// other kinds than Kubernetes' own are searched for the fields of pods at any
// depth; what an operator makes of its other fields is not known.
type Policy struct {
	level     api.Level
	accounts  []string
	evaluator policy.Evaluator
}

// Violation is one fault of an object.
type Violation struct {
	Field   string // path in the object: "spec.template.spec.nodeName"
	Message string // continues the field's name
}

// New returns a policy. Besides accounts, pods may use the account "default".
func New(level string, accounts []string) (*Policy, error) {
	e, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return nil, fmt.Errorf("pod security checks: %w", err)
	}
	return &Policy{level: api.Level(level), accounts: accounts, evaluator: e}, nil
}

// Check returns what in o the policy does not permit, in the order of the fields.
func (p *Policy) Check(o *unstructured.Unstructured) []Violation {
	s := &search{Policy: p}
	s.checkObject(o)
	if k := o.GroupVersionKind(); k.Group != "" || k.Kind != "ConfigMap" && k.Kind != "Secret" {
		s.walk("", o.Object, nil)
	}
	slices.SortFunc(s.found, func(a, b Violation) int {
		return strings.Compare(a.Field+"\n"+a.Message, b.Field+"\n"+b.Message)
	})
	return slices.Compact(s.found)
}

// search is one call of Check.
type search struct {
	*Policy
	found []Violation
}

func (s *search) addf(field, format string, args ...any) {
	s.found = append(s.found, Violation{strings.TrimPrefix(field, "."), fmt.Sprintf(format, args...)})
}

// bounded reports whether there is anything that pods may not do, service accounts
// aside.
func (s *search) bounded() bool { return s.level != api.LevelPrivileged }

// checkObject checks what only certain kinds have.
func (s *search) checkObject(o *unstructured.Unstructured) {
	kind := o.GroupVersionKind()
	switch {
	case kind.Group == "" && kind.Kind == "Secret":
		s.checkToken(o)
	case !s.bounded():
	case kind.Group == "rbac.authorization.k8s.io":
		s.addf("kind", "must not be %s: the owner of the cluster gives permissions", kind.Kind)
	case kind.Group == "" && kind.Kind == "Service":
		if ips, _, _ := unstructured.NestedSlice(o.Object, "spec", "externalIPs"); len(ips) > 0 {
			s.addf("spec.externalIPs", "must be empty: it takes the traffic of any address")
		}
	}
}

// checkToken refuses Secrets that the control plane fills with the token of a
// service account.
func (s *search) checkToken(o *unstructured.Unstructured) {
	typ, _, _ := unstructured.NestedString(o.Object, "type")
	if account := o.GetAnnotations()[corev1.ServiceAccountNameKey]; typ == string(corev1.SecretTypeServiceAccountToken) {
		s.checkAccount("metadata.annotations["+corev1.ServiceAccountNameKey+"]", account)
	}
}

func (s *search) checkAccount(field, name string) {
	if name != "" && name != "default" && !slices.Contains(s.accounts, AnyServiceAccount) && !slices.Contains(s.accounts, name) {
		s.addf(field, "must be a service account that the cluster is shared with, not %q", name)
	}
}

// walk looks for pods in v. meta is the metadata beside a spec.
func (s *search) walk(path string, v any, meta map[string]any) {
	switch v := v.(type) {
	case []any:
		for i, one := range v {
			s.walk(fmt.Sprintf("%s[%d]", path, i), one, nil)
		}
	case map[string]any:
		whole := s.checkPod(path, v, meta)
		for _, key := range slices.Sorted(maps.Keys(v)) {
			var beside map[string]any
			if key == "spec" {
				beside, _ = v["metadata"].(map[string]any)
			}
			if !plainText(key) && (!whole || !podFields()[key]) {
				s.walk(path+"."+key, v[key], beside)
			}
		}
	}
}

// checkPod checks m as the spec of a pod, or as a part of one, and reports whether
// it is a whole one.
func (s *search) checkPod(path string, m, meta map[string]any) (whole bool) {
	var spec corev1.PodSpec
	_, listed := m["containers"].([]any)
	whole = listed && decode(m, &spec)
	level := s.level
	if !whole {
		spec = partOf(m)
		level = min(level, api.LevelBaseline) // the rest of the pod is not known
	}
	s.checkSpec(path, m, spec)
	if !s.bounded() {
		return whole
	}
	var object metav1.ObjectMeta
	decode(meta, &object)
	for _, r := range s.evaluator.EvaluatePod(api.LevelVersion{Level: level, Version: api.LatestVersion()}, &object, &spec) {
		if !r.Allowed {
			s.addf(path, "breaks the Pod Security level %q: %s (%s)", s.level, r.ForbiddenReason, r.ForbiddenDetail)
		}
	}
	return whole
}

// checkSpec checks what Pod Security does not.
func (s *search) checkSpec(path string, m map[string]any, spec corev1.PodSpec) {
	s.checkAccount(path+".serviceAccountName", spec.ServiceAccountName)
	s.checkAccount(path+".serviceAccount", spec.DeprecatedServiceAccount)
	if account, ok := m["serviceAccount"].(map[string]any); ok {
		name, _ := account["name"].(string)
		s.checkAccount(path+".serviceAccount.name", name)
	}
	if !s.bounded() {
		return
	}
	if spec.NodeName != "" {
		s.addf(path+".nodeName", "must be empty: it passes over the taints of nodes")
	}
	if strings.HasPrefix(spec.PriorityClassName, "system-") {
		s.addf(path+".priorityClassName", "must not be one of the system's")
	}
	for i, t := range spec.Tolerations {
		field := fmt.Sprintf("%s.tolerations[%d]", path, i)
		if t.Key == "" {
			s.addf(field, "must name the taint: without a key it tolerates all of them")
		} else if strings.HasPrefix(t.Key, "node-role.kubernetes.io/") {
			s.addf(field, "must not be of the control plane")
		}
	}
	_, isVolume := m["hostPath"].(map[string]any)
	if _, mounted := m["name"]; isVolume && !mounted { // the volume of a pod is judged with the pod
		s.addf(path+".hostPath", "must not be set: it opens the files of a node")
	}
	if name, _ := m["volumeName"].(string); name != "" && m["accessModes"] != nil {
		s.addf(path+".volumeName", "must be empty: the volume may hold somebody else's data")
	}
}

// plainText reports whether a field holds texts by names that users choose.
func plainText(key string) bool {
	switch key {
	case "metadata", "labels", "annotations", "matchLabels", "nodeSelector":
		return true
	}
	return false
}

// podFields are the fields of a pod's spec that a decoded spec holds completely.
func podFields() map[string]bool {
	return map[string]bool{
		"containers": true, "initContainers": true, "ephemeralContainers": true, "volumes": true,
		"securityContext": true, "tolerations": true,
	}
}

// partOf returns a pod with those fields of m that pods and containers have. A
// field of another type is left out.
func partOf(m map[string]any) corev1.PodSpec {
	var spec corev1.PodSpec
	for _, key := range []string{
		"initContainers", "ephemeralContainers", "volumes", "securityContext", "hostNetwork", "hostPID", "hostIPC",
		"serviceAccountName", "serviceAccount", "nodeName", "priorityClassName", "tolerations",
	} {
		decodeField(m, key, &spec)
	}
	var c corev1.Container
	for _, key := range []string{"name", "securityContext", "ports", "lifecycle", "livenessProbe", "readinessProbe", "startupProbe"} {
		decodeField(m, key, &c)
	}
	spec.Containers = []corev1.Container{c}
	return spec
}

func decodeField[T any](m map[string]any, key string, into *T) {
	if v, ok := m[key]; ok {
		before := *into
		if !decode(map[string]any{key: v}, into) {
			*into = before
		}
	}
}

func decode(m map[string]any, into any) bool {
	return runtime.DefaultUnstructuredConverter.FromUnstructured(m, into) == nil
}
