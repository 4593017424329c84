package kinds

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/kubeorch/core/pkg/validator"
)

func newStatefulSet(r renderer) Kind {
	return workload{templateKind{templated{TypeStatefulSet, r}, statefulSetName, statefulSetValues}}
}

// statefulSetName leaves room for the hash that names a revision: its label
// on the pods is the name, a hyphen and up to ten characters.
func statefulSetName(s string) string {
	const longest = 52
	if len(s) > longest {
		return fmt.Sprintf("must be no more than %d characters for a StatefulSet", longest)
	}
	return validator.Label(s)
}

// GoverningService names the headless Service that gives a statefulset's pods
// their names.
func GoverningService(n *Node) string {
	return cmp.Or(n.Data.String("serviceName"), n.Name+"-headless")
}

func statefulSetValues(n *Node, f fields) map[string]any {
	claims := claimTemplates(f)
	m := newMounts(n, f, claimNames(claims)...)
	for _, c := range claims {
		m.add(c.mount)
	}
	p := newPod(n, f, m, passwordDefaults(n, f)...)
	versioned(f, p.labels)
	f.exact("serviceName")
	f.check("serviceName", GoverningService(n), validator.Label)
	return merge(p.selected(n), map[string]any{
		"labels":               p.labels,
		"replicas":             replicas(n, f),
		"serviceName":          GoverningService(n),
		"governing":            governing(n, p),
		"claims":               claims,
		"podManagementPolicy":  f.choice("podManagementPolicy", string(appsv1.OrderedReadyPodManagement), string(appsv1.ParallelPodManagement)),
		"updateStrategy":       statefulSetStrategy(f),
		"minReadySeconds":      f.count("minReadySeconds", 0),
		"revisionHistoryLimit": f.count("revisionHistoryLimit", 0),
		"claimRetention":       claimRetention(f),
	})
}

// governing returns the ports of the headless Service to make, and nil when
// the drawing has a Service of that name.
func governing(n *Node, p pod) any {
	for _, peer := range n.In(TypeService) {
		if peer.Node.Name == GoverningService(n) && peer.Node.Namespace == n.Namespace {
			return nil
		}
	}
	ports := []any{}
	main, _ := p.spec["containers"].([]any)[0].(map[string]any)
	list, _ := main["ports"].([]any)
	for i, one := range list {
		port, _ := one.(map[string]any)
		name, _ := port["name"].(string)
		ports = append(ports, map[string]any{
			"name": cmp.Or(name, fmt.Sprintf("port-%d", i+1)), "protocol": port["protocol"],
			"port": port["containerPort"], "targetPort": port["containerPort"],
		})
	}
	return map[string]any{"ports": ports, "labels": objectLabels(n.Name, nil), "selector": podsOf(n)}
}

func statefulSetStrategy(f fields) any {
	names := []string{string(appsv1.RollingUpdateStatefulSetStrategyType), string(appsv1.OnDeleteStatefulSetStrategyType)}
	if _, short := f.data["updateStrategy"].(string); short {
		name := f.choice("updateStrategy", names...)
		if name == nil {
			return nil
		}
		return map[string]any{"type": name}
	}
	var typed appsv1.StatefulSetUpdateStrategy
	plain := f.decode("updateStrategy", &typed)
	f.check("updateStrategy.type", string(typed.Type), optional(oneOf(names...)))
	r := typed.RollingUpdate
	switch {
	case r == nil:
	case typed.Type == appsv1.OnDeleteStatefulSetStrategyType:
		f.addf("updateStrategy.rollingUpdate", "must be absent when the type is OnDelete")
	case r.Partition != nil && *r.Partition < 0:
		f.addf("updateStrategy.rollingUpdate.partition", "must not be negative")
	case f.share("updateStrategy.rollingUpdate.maxUnavailable", r.MaxUnavailable, 1, allPods) == 0:
		f.addf("updateStrategy.rollingUpdate.maxUnavailable", "must be more than 0")
	}
	return plain
}

// claimRetention reads what becomes of claims when their pods go.
func claimRetention(f fields) any {
	const key = "persistentVolumeClaimRetentionPolicy"
	var typed appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy
	plain := f.decode(key, &typed)
	known := optional(oneOf(string(appsv1.RetainPersistentVolumeClaimRetentionPolicyType), string(appsv1.DeletePersistentVolumeClaimRetentionPolicyType)))
	f.check(key+".whenDeleted", string(typed.WhenDeleted), known)
	f.check(key+".whenScaled", string(typed.WhenScaled), known)
	return plain
}

// passwordDefaults returns the variable without which a development database
// refuses to start, where the drawing sets no password.
func passwordDefaults(n *Node, f fields) []any {
	if len(n.In(TypeSecret)) > 0 {
		return nil // which provides it
	}
	image := f.data.String("image")
	var name, value string
	var others []string
	switch {
	case strings.Contains(image, "postgres"):
		name, value, others = "POSTGRES_HOST_AUTH_METHOD", "trust", []string{"POSTGRES_PASSWORD"}
	case strings.Contains(image, "mysql"), strings.Contains(image, "mariadb"):
		name, value, others = "MYSQL_ALLOW_EMPTY_PASSWORD", "yes", []string{"MYSQL_ROOT_PASSWORD", "MYSQL_RANDOM_ROOT_PASSWORD"}
	default:
		return nil
	}
	for _, v := range environment(n, muted(f)) {
		set, _ := v.(map[string]any)["name"].(string)
		if set == name || slices.Contains(others, set) {
			return nil
		}
	}
	return []any{map[string]any{"name": name, "value": value}}
}
