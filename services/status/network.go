package status

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// service are the facts of a Service.
type service struct {
	clusterIP, address string
	nodePort           int64
	balanced           bool   // it asks for a load balancer
	refused            *Event // why it gets none
}

func extractService(u *unstructured.Unstructured) facts {
	o := object(u.Object)
	spec := o.at("spec")
	s := service{clusterIP: spec.text("clusterIP"), balanced: spec.text("type") == "LoadBalancer"}
	for _, p := range spec.list("ports") {
		if n := p.number("nodePort"); n > 0 {
			s.nodePort = n
			break
		}
	}
	ip, host := balancer(o)
	s.address = cmp.Or(ip, host)
	if external, _ := spec["externalIPs"].([]any); s.address == "" && len(external) > 0 {
		s.address, _ = external[0].(string)
	}
	return s
}

func (f service) explain(events []*Event) facts {
	if e := newest(events, "Service", spokenOf("Service")...); e != nil && slices.Contains(balancerFailures(), e.Reason) {
		f.refused = e
	}
	return f
}

// balancerFailures are the reasons for which a Service has no load balancer, as
// reported by the controllers of clouds, of MetalLB and of AWS.
func balancerFailures() []string {
	return []string{"SyncLoadBalancerFailed", "AllocationFailed", "FailedBuildModel", "FailedDeployModel"}
}

// balancer returns the first address that a load balancer gave an object.
func balancer(o object) (ip, host string) {
	for _, in := range o.at("status", "loadBalancer").list("ingress") {
		if ip, host = in.text("ip"), in.text("hostname"); ip != "" || host != "" {
			return ip, host
		}
	}
	return "", ""
}

func (f service) status(o *Object, _ []*Pod) Status {
	s := Status{"state": "healthy"}
	if f.clusterIP != "" {
		s["clusterIP"] = f.clusterIP
	}
	if f.nodePort != 0 {
		s["nodePort"] = f.nodePort
	}
	if f.address != "" {
		s["externalIP"] = f.address
	}
	switch {
	case o.Deleting:
		s["state"] = "partial"
		return with(s, "Terminating", "is being deleted from the cluster")
	case f.balanced && f.address == "" && f.refused != nil:
		s["state"] = "error"
		return with(s, f.refused.Reason, f.refused.Text)
	case f.balanced && f.address == "":
		s["state"] = "partial"
		return with(s, "", "waiting for the load balancer's address; the cluster needs a controller that gives one")
	}
	return s
}

// ingress are the facts of an Ingress.
type ingress struct {
	ip, host string
	rules    int64
	warned   *Event // of what its controller complains
}

func extractIngress(u *unstructured.Unstructured) facts {
	o := object(u.Object)
	f := ingress{rules: int64(len(o.at("spec").list("rules")))}
	f.ip, f.host = balancer(o)
	return f
}

func (f ingress) explain(events []*Event) facts {
	f.warned = warning(events, "Ingress")
	return f
}

func (f ingress) status(o *Object, _ []*Pod) Status {
	s := Status{"state": "healthy", "rulesCount": f.rules}
	if f.ip != "" {
		s["loadBalancerIP"] = f.ip
	}
	if f.host != "" {
		s["loadBalancerHostname"] = f.host
	}
	switch {
	case o.Deleting:
		s["state"] = "pending"
		return with(s, "Terminating", "is being deleted from the cluster")
	case f.ip == "" && f.host == "" && f.warned != nil:
		s["state"] = "pending"
		return with(s, f.warned.Reason, "without an address: "+f.warned.Text)
	case f.ip == "" && f.host == "":
		s["state"] = "pending"
		return with(s, "", "waiting for an address; the cluster needs an ingress controller for this class")
	}
	return s
}

// policy are the facts of a NetworkPolicy.
type policy struct {
	selects labels.Selector
}

func extractPolicy(u *unstructured.Unstructured) facts {
	var wanted metav1.LabelSelector
	err := runtime.DefaultUnstructuredConverter.FromUnstructured(object(u.Object).at("spec", "podSelector"), &wanted)
	if err != nil {
		return policy{labels.Nothing()}
	}
	selector, err := metav1.LabelSelectorAsSelector(&wanted)
	if err != nil {
		return policy{labels.Nothing()}
	}
	return policy{selector}
}

func (f policy) status(o *Object, pods []*Pod) Status {
	var affected int64
	for _, p := range pods {
		if p.Namespace == o.Namespace && !p.Finished && f.selects.Matches(p.Labels) {
			affected++
		}
	}
	s := Status{"state": "active", "affectedPods": affected}
	switch {
	case o.Deleting:
		return with(s, "Terminating", "is being deleted from the cluster")
	case affected == 0:
		return with(s, "", "no pod of this workflow matches the policy's selector")
	}
	return s
}
