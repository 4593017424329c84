package findings

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubeorch/core/models"
)

// serviceWith returns a Service on port 80 that leads to a port of the pods.
func serviceWith(target intstr.IntOrString, pods ...corev1.Pod) Facts {
	f := of("service", "Service")
	f.Service = &corev1.Service{Spec: corev1.ServiceSpec{
		Type: corev1.ServiceTypeClusterIP, Selector: map[string]string{"app": "web"},
		Ports: []corev1.ServicePort{{Port: 80, TargetPort: target}},
	}}
	f.Pods = pods
	return f
}

func listening(p corev1.Pod, port int32) corev1.Pod {
	p = *p.DeepCopy()
	p.Spec.Containers[0].Ports = []corev1.ContainerPort{{Name: "http", ContainerPort: port}}
	return p
}

func slice(conditions ...bool) discoveryv1.EndpointSlice {
	var s discoveryv1.EndpointSlice
	for i, ok := range conditions {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{string(rune('a' + i))}, Conditions: discoveryv1.EndpointConditions{Ready: &ok},
		})
	}
	return s
}

func TestServices(t *testing.T) {
	t.Parallel()
	web := listening(ready(pod("web-1", corev1.ContainerStatus{})), 8080)
	starting := listening(pod("web-2", waiting("ImagePullBackOff", "not found")), 8080)
	balanced := serviceWith(intstr.FromInt32(8080), web).with(func(f *Facts) { f.Service.Spec.Type = corev1.ServiceTypeLoadBalancer })
	node := corev1.Node{Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "192.168.7.4"}}}}
	for name, tc := range map[string]struct {
		check string
		expected
	}{
		"endpoints":    {"endpoints-exist", expected{serviceWith(intstr.FromInt32(8080), web).with(func(f *Facts) { f.Slices = []discoveryv1.EndpointSlice{slice(true, false)} }), "pass", "ready addresses: 1", "", ""}},
		"none ready":   {"endpoints-exist", expected{serviceWith(intstr.FromInt32(8080), web).with(func(f *Facts) { f.Slices = []discoveryv1.EndpointSlice{slice(false)} }), "error", "none of 1", "pods", ""}},
		"no endpoints": {"endpoints-exist", expected{serviceWith(intstr.FromInt32(8080)), "error", "no address", "selector", ""}},
		"unread":       {"endpoints-exist", expected{serviceWith(intstr.FromInt32(8080)).with(func(f *Facts) { f.Unread = map[Part]string{PartEndpoints: "no"} }), "", "", "", ""}},
		"no balancer":  {"loadbalancer-provisioned", expected{serviceWith(intstr.FromInt32(8080), web), "", "", "", ""}},
		"has an address": {"loadbalancer-provisioned", expected{balanced.with(func(f *Facts) {
			f.Service = f.Service.DeepCopy()
			f.Service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "10.1.1.1"}}
		}), "pass", "10.1.1.1", "", ""}},
		"pending":         {"loadbalancer-provisioned", expected{balanced, "error", "no address", "MetalLB", ""}},
		"without a pool":  {"loadbalancer-provisioned", expected{balanced.with(func(f *Facts) { f.Balancer.MetalLB, f.Nodes = true, []corev1.Node{node} }), "error", "no pool", "pool", ""}},
		"in a cloud":      {"loadbalancer-provisioned", expected{balanced.with(func(f *Facts) { f.Nodes = []corev1.Node{{Spec: corev1.NodeSpec{ProviderID: "aws:///a"}}} }), "error", "no address", "cloud aws", ""}},
		"selects":         {"selector-match", expected{serviceWith(intstr.FromInt32(8080), web), "pass", "1 pod", "", ""}},
		"selects none":    {"selector-match", expected{serviceWith(intstr.FromInt32(8080)), "error", "app=web matches no pod", "labels", ""}},
		"no selector":     {"selector-match", expected{serviceWith(intstr.FromInt32(8080)).with(func(f *Facts) { f.Service.Spec.Selector = nil }), "error", "no selector", "join", ""}},
		"ready":           {"pods-ready", expected{serviceWith(intstr.FromInt32(8080), web), "pass", "1 of 1 pods", "", ""}},
		"some ready":      {"pods-ready", expected{serviceWith(intstr.FromInt32(8080), web, starting), "warning", "1 of 2 pods", "findings", ""}},
		"pods not ready":  {"pods-ready", expected{serviceWith(intstr.FromInt32(8080), starting), "error", "0 of 1 pods", "findings", "not found"}},
		"no pods":         {"pods-ready", expected{serviceWith(intstr.FromInt32(8080)), "error", "no pods", "selector", ""}},
		"port":            {"port-config", expected{serviceWith(intstr.FromInt32(8080), web), "pass", "", "", ""}},
		"port by name":    {"port-config", expected{serviceWith(intstr.FromString("http"), web), "pass", "", "", ""}},
		"port by default": {"port-config", expected{serviceWith(intstr.IntOrString{}, listening(web, 80)), "pass", "", "", ""}},
		"wrong port":      {"port-config", expected{serviceWith(intstr.FromInt32(9999), web), "error", "port 80 leads to port 9999", "8080 (http)", ""}},
		"wrong name":      {"port-config", expected{serviceWith(intstr.FromString("metrics"), web), "error", "port metrics", "8080", ""}},
		"other protocol":  {"port-config", expected{serviceWith(intstr.FromInt32(8080), web).with(func(f *Facts) { f.Service.Spec.Ports[0].Protocol = corev1.ProtocolUDP }), "error", "8080", "", ""}},
		"undeclared":      {"port-config", expected{serviceWith(intstr.FromInt32(1), ready(pod("web-1", corev1.ContainerStatus{}))), "pass", "declare no ports", "", ""}},
		"nothing to see":  {"port-config", expected{serviceWith(intstr.FromInt32(8080)), "warning", "no pods", "", ""}},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); tc.verify(t, tc.check) })
	}
}

// The checks of a Service are those of the contract, and what is wrong with its pods
// stands among the findings.
func TestChecksOfServices(t *testing.T) {
	t.Parallel()
	at := time.Unix(1, 0)
	f := serviceWith(intstr.FromInt32(9999), listening(pod("web-1", waiting("ImagePullBackOff", "not found")), 8080))
	f.Service.Spec.Type = corev1.ServiceTypeLoadBalancer
	d := Diagnose(f, at)
	var names []string
	for _, c := range d.Checks {
		names = append(names, c.Name)
	}
	require.Equal(t, []string{
		"service-exists", "endpoints-exist", "loadbalancer-provisioned", "selector-match", "pods-ready", "port-config",
	}, names)
	require.Equal(t, "error", d.OverallStatus)
	require.Equal(t, "image-pull", d.Findings[len(d.Findings)-1].Check)
	c := checkOf(d, "port-config")
	require.True(t, c.AutoFixable)
	require.Equal(t, models.FixPort, c.FixType)
	c = checkOf(d, "loadbalancer-provisioned")
	require.False(t, c.AutoFixable, "nothing is known of MetalLB")

	f.Exists = false
	d = Diagnose(f, at)
	require.Equal(t, []models.DiagnosticCheck{{
		Name: "service-exists", Status: "error", Message: `there is no Service "web" in namespace "default"`, Suggestion: "run the workflow to create it",
	}}, d.Checks)
	require.Equal(t, "error", d.OverallStatus)

	fine := serviceWith(intstr.FromInt32(8080), listening(ready(pod("web-1", corev1.ContainerStatus{})), 8080))
	fine.Slices = []discoveryv1.EndpointSlice{slice(true)}
	d = Diagnose(fine, at)
	require.Equal(t, "healthy", d.OverallStatus)
	require.Empty(t, d.Findings)
	require.NotNil(t, d.Findings)
}

func TestEndpointsOfBothFamiliesAreOne(t *testing.T) {
	t.Parallel()
	ref := &corev1.ObjectReference{UID: "p1"}
	four, six := slice(true), slice(true)
	four.ObjectMeta, six.ObjectMeta = metav1.ObjectMeta{Name: "4"}, metav1.ObjectMeta{Name: "6"}
	four.Endpoints[0].TargetRef, six.Endpoints[0].TargetRef = ref, ref
	n, waiting := endpoints([]discoveryv1.EndpointSlice{four, six})
	require.Equal(t, []int{1, 0}, []int{n, waiting})
}
