package findings

import (
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ingressTo returns an Ingress of class nginx that leads to port 80 of a Service.
func ingressTo(service string, change func(f *Facts)) Facts {
	f := of("ingress", "Ingress")
	f.Ingress = &networkingv1.Ingress{Spec: networkingv1.IngressSpec{
		IngressClassName: new("nginx"),
		TLS:              []networkingv1.IngressTLS{{Hosts: []string{"shop.example.org"}, SecretName: "cert"}},
		DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
			Name: service, Port: networkingv1.ServiceBackendPort{Number: 80},
		}},
	}}
	f.IngressClasses = []networkingv1.IngressClass{{ObjectMeta: metav1.ObjectMeta{Name: "nginx"}}}
	f.Backends = map[string]*corev1.Service{"web": {Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "http", Port: 80}}}}}
	f.Secrets = map[string]bool{"cert": true}
	change(&f)
	return f
}

func TestIngresses(t *testing.T) {
	t.Parallel()
	none := func(*Facts) {}
	for name, tc := range map[string]struct {
		check string
		expected
	}{
		"class":           {"ingress-class", expected{ingressTo("web", none), "pass", "nginx", "", ""}},
		"no such class":   {"ingress-class", expected{ingressTo("web", func(f *Facts) { f.Ingress.Spec.IngressClassName = new("traefik") }), "error", `no ingress class "traefik"`, "nginx", ""}},
		"no class":        {"ingress-class", expected{ingressTo("web", func(f *Facts) { f.Ingress.Spec.IngressClassName = nil }), "error", "no default class", "nginx", ""}},
		"no class at all": {"ingress-class", expected{ingressTo("web", func(f *Facts) { f.IngressClasses = nil }), "error", "nginx", "install an ingress controller", ""}},
		"default class": {"ingress-class", expected{ingressTo("web", func(f *Facts) {
			f.Ingress.Spec.IngressClassName = nil
			f.IngressClasses[0].Annotations = map[string]string{networkingv1.AnnotationIsDefaultIngressClass: "true"}
		}), "pass", "nginx", "", ""}},
		"classes unread":     {"ingress-class", expected{ingressTo("web", func(f *Facts) { f.Unread[PartIngressClasses] = "no" }), "", "", "", ""}},
		"backend":            {"ingress-backend", expected{ingressTo("web", none), "pass", "", "", ""}},
		"no backend":         {"ingress-backend", expected{ingressTo("api", func(f *Facts) { f.Backends["api"] = nil }), "error", `no Service "api"`, "draw and run", ""}},
		"backend unread":     {"ingress-backend", expected{ingressTo("far", none), "pass", "", "", ""}},
		"backend's port":     {"ingress-backend", expected{ingressTo("web", func(f *Facts) { f.Ingress.Spec.DefaultBackend.Service.Port.Number = 81 }), "error", "no port 81", "port of the Service", ""}},
		"leads nowhere":      {"ingress-backend", expected{ingressTo("web", func(f *Facts) { f.Ingress.Spec.DefaultBackend = nil }), "warning", "nowhere", "join", ""}},
		"certificate":        {"ingress-certificate", expected{ingressTo("web", none), "pass", "", "", ""}},
		"no certificate":     {"ingress-certificate", expected{ingressTo("web", func(f *Facts) { f.Secrets["cert"] = false }), "error", `no Secret "cert" with the certificate for [shop.example.org]`, "cert-manager", ""}},
		"without TLS":        {"ingress-certificate", expected{ingressTo("web", func(f *Facts) { f.Ingress.Spec.TLS = nil }), "", "", "", ""}},
		"without an address": {"ingress-address", expected{ingressTo("web", func(f *Facts) { f.Events = []corev1.Event{event("u-main", "Rejected", "host is taken")} }), "warning", "no address", "controller", "host is taken"}},
		"with an address": {"ingress-address", expected{ingressTo("web", func(f *Facts) {
			f.Ingress.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{IP: "10.0.0.9"}}
		}), "pass", "10.0.0.9", "", ""}},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); tc.verify(t, tc.check) })
	}
}

func scalerWith(kind autoscalingv2.HorizontalPodAutoscalerConditionType, reason, message string) Facts {
	f := of("hpa", "HorizontalPodAutoscaler")
	f.Autoscaler = &autoscalingv2.HorizontalPodAutoscaler{
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "web"}},
	}
	if reason != "" {
		f.Autoscaler.Status.Conditions = []autoscalingv2.HorizontalPodAutoscalerCondition{{Type: kind, Status: corev1.ConditionFalse, Reason: reason, Message: message}}
	}
	return f
}

func TestAutoscalers(t *testing.T) {
	t.Parallel()
	const active = autoscalingv2.ScalingActive
	for name, tc := range map[string]struct {
		check string
		expected
	}{
		"scales":         {"autoscaler-target", expected{scalerWith("", "", ""), "pass", `Deployment "web"`, "", ""}},
		"no target":      {"autoscaler-target", expected{scalerWith(autoscalingv2.AbleToScale, "FailedGetScale", `deployments.apps "web" not found`), "error", "not found", "join", "FailedGetScale"}},
		"measures":       {"autoscaler-metrics", expected{scalerWith("", "", ""), "pass", "", "", ""}},
		"no metrics":     {"autoscaler-metrics", expected{scalerWith(active, "FailedGetResourceMetric", "the server could not find the requested resource").with(func(f *Facts) { f.MetricsAPI = new(false) }), "error", "no metrics API", "metrics server", "requested resource"}},
		"no requests":    {"autoscaler-metrics", expected{scalerWith(active, "FailedGetResourceMetric", "missing request for cpu in container web").with(func(f *Facts) { f.MetricsAPI = new(true) }), "error", "no request", "set requests", ""}},
		"not yet":        {"autoscaler-metrics", expected{scalerWith(active, "FailedGetResourceMetric", "no metrics returned from resource metrics API").with(func(f *Facts) { f.MetricsAPI = new(true) }), "warning", "cannot read", "pods run", ""}},
		"scaled to zero": {"autoscaler-metrics", expected{scalerWith(active, "ScalingDisabled", "").with(func(f *Facts) { f.MetricsAPI = new(true) }), "pass", "rests", "", ""}},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); tc.verify(t, tc.check) })
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	f := of("networkpolicy", "NetworkPolicy")
	f.Policy = &networkingv1.NetworkPolicy{Spec: networkingv1.NetworkPolicySpec{PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "api"}}}}
	some := f.with(func(f *Facts) { f.Pods, f.MorePods = []corev1.Pod{{}, {}}, true })
	for name, tc := range map[string]expected{
		"nothing": {f, "warning", "its selector is app=api", "join", ""},
		"some":    {some, "pass", "more than 2 pods", "", ""},
		"unread":  {f.with(func(f *Facts) { f.Unread = map[Part]string{PartPods: "no"} }), "", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); tc.verify(t, "policy-match") })
	}
}
