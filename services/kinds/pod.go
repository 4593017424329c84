package kinds

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/validator"
)

// ConfigAnnotation is on pod templates whose pods read ConfigMaps only when
// they start; it identifies their content.
const ConfigAnnotation = "kubeorch.io/config"

// pod is the pod template of a workload: what its template file prints.
type pod struct {
	labels      map[string]string
	annotations map[string]string
	spec        map[string]any
}

// selected returns the values of a workload that finds its pods by selector.
func (p pod) selected(n *Node) map[string]any {
	labels := maps.Clone(p.labels)
	maps.Copy(labels, ownPods(n))
	return merge(p.values(), map[string]any{"podLabels": labels, "selector": ownPods(n)})
}

// values returns the pod as its template files know it.
func (p pod) values() map[string]any {
	return map[string]any{"podLabels": p.labels, "podAnnotations": p.annotations, "pod": p.spec}
}

// newPod builds the pods of n. m holds its mounts, extra variables that a kind
// adds by itself.
func newPod(n *Node, f fields, m *mounts, extra ...any) pod {
	sameNamespace(n, f)
	p := pod{labels: drawnLabels(n), annotations: unreserved(f.annotations("podAnnotations")), spec: map[string]any{}}
	mounted := func(peer *Node) bool { return m.nodes[peer] }
	if h := configHash(append(configSources(n, mounted), m.subs...)); h != "" {
		p.annotations[ConfigAnnotation] = h
	}
	main := container(n.Name, f)
	set(main, "env", byReference(append(environment(n, f), extra...)))
	set(main, "envFrom", envFrom(n, f, mounted))
	set(main, "volumeMounts", m.mounts)
	set(main, "volumeDevices", m.devices)
	names := map[string]bool{n.Name: true}
	p.spec["containers"] = append([]any{main}, moreContainers(f, "containers", m, names)...)
	set(p.spec, "initContainers", moreContainers(f, "initContainers", m, names))
	set(p.spec, "volumes", m.volumes)
	podSettings(n, f, p.spec)
	return p
}

// podSettings fills in what concerns the pod as a whole.
func podSettings(n *Node, f fields, spec map[string]any) {
	set(spec, "serviceAccountName", f.text("serviceAccountName", validator.Subdomain))
	set(spec, "imagePullSecrets", pullSecrets(n, f))
	set(spec, "securityContext", f.decode("podSecurityContext", &corev1.PodSecurityContext{}))
	set(spec, "nodeSelector", f.labels("nodeSelector"))
	set(spec, "tolerations", tolerations(f))
	set(spec, "affinity", affinity(f))
	set(spec, "terminationGracePeriodSeconds", f.seconds("terminationGracePeriodSeconds"))
	set(spec, "hostPID", f.flag("hostPID"))
	host := f.flag("hostNetwork")
	set(spec, "hostNetwork", host)
	if host == true {
		// With the node's own resolver pods would not find Services.
		spec["dnsPolicy"] = string(corev1.DNSClusterFirstWithHostNet)
	}
}

// drawnLabels are the labels that a node's object and pods have in common.
func drawnLabels(n *Node) map[string]string {
	var ignored models.Problems // the check of what all nodes have reports them
	return objectLabels(n.Name, read(n, &ignored).stringMap("labels"))
}

// versioned adds the version to labels: the drawing's, or v1.
func versioned(f fields, labels map[string]string) {
	if v, ok := f.text("version", validator.LabelValue).(string); ok {
		labels["version"] = v
	} else if labels["version"] == "" {
		labels["version"] = "v1"
	}
}

// sameNamespace reports joined nodes that pods of n cannot use.
func sameNamespace(n *Node, f fields) {
	for _, typ := range []string{TypeConfigMap, TypeSecret, TypeClaim} {
		for _, peer := range joined(n, typ) {
			if peer.Namespace != n.Namespace {
				f.addf("namespace", "is %q, but %s %q is in %q: pods only use what is in their own namespace",
					n.Namespace, typ, peer.Name, peer.Namespace)
			}
		}
	}
}

func pullSecrets(n *Node, f fields) []any {
	var names []string
	for i, v := range f.list("imagePullSecrets") {
		at := fmt.Sprintf("imagePullSecrets[%d]", i)
		name, ok := v.(string)
		if m := models.AsData(v); m != nil {
			name, ok = m.String("name"), true
		}
		switch {
		case !ok && v != nil:
			f.addf(at, "must be a name")
		case name != "":
			f.check(at, name, validator.Subdomain)
			names = append(names, name)
		}
	}
	for _, s := range joined(n, TypeSecret) {
		if pullSecret(s) {
			names = append(names, s.Name)
		}
	}
	var refs []any
	for i, name := range names {
		if !slices.Contains(names[:i], name) {
			refs = append(refs, map[string]any{"name": name})
		}
	}
	return refs
}

func tolerations(f fields) any {
	var typed []corev1.Toleration
	plain := f.decode("tolerations", &typed)
	for i, t := range typed {
		if msg := tolerationFault(t); msg != "" {
			f.addf(fmt.Sprintf("tolerations[%d]", i), "%s", msg)
		}
	}
	return plain
}

func tolerationFault(t corev1.Toleration) string {
	effects := []corev1.TaintEffect{"", corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute}
	operators := []corev1.TolerationOperator{"", corev1.TolerationOpExists, corev1.TolerationOpEqual}
	switch {
	case !slices.Contains(effects, t.Effect):
		return "must have the effect NoSchedule, PreferNoSchedule or NoExecute, or none"
	case !slices.Contains(operators, t.Operator):
		return "must have the operator Exists or Equal"
	case t.Key == "" && t.Operator != corev1.TolerationOpExists:
		return "must have the operator Exists when it has no key"
	case t.Operator == corev1.TolerationOpExists && t.Value != "":
		return "must have no value when its operator is Exists"
	case t.TolerationSeconds != nil && t.Effect != corev1.TaintEffectNoExecute:
		return "must have the effect NoExecute when it has tolerationSeconds"
	case t.Key != "" && validator.QualifiedName(t.Key) != "":
		return "key: " + validator.QualifiedName(t.Key)
	case validator.LabelValue(t.Value) != "":
		return "value: " + validator.LabelValue(t.Value)
	}
	return ""
}

// moreContainers returns the containers at key, in the form of Kubernetes but
// for what the main container's form has too. They may only mount volumes
// that the pod has.
func moreContainers(f fields, key string, m *mounts, names map[string]bool) []any {
	var out []any
	for _, c := range f.objects(key) {
		name := c.required("name", validator.Label)
		if names[name] {
			c.addf("name", "%q is the name of another container of this pod", name)
		}
		names[name] = true
		for i, v := range c.objects("volumeMounts") {
			if vol := v.required("name"); vol != "" && !m.names[vol] {
				c.addf(fmt.Sprintf("volumeMounts[%d].name", i), "%q is no volume of this pod", vol)
			}
		}
		all, _ := withoutNulls(map[string]any(c.data)).(map[string]any)
		delete(all, "id") // a form's
		for _, k := range []string{"resources", "env", "ports", "port"} {
			delete(all, k)
		}
		maps.Copy(all, container(name, c))
		set(all, "env", byReference(envVars(c, "env")))
		out = append(out, c.decodeValue("", all, &corev1.Container{}))
	}
	return out
}
