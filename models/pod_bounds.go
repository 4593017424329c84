package models

import "slices"

// The Pod Security levels of shares.
const (
	PodPrivileged = "privileged"
	PodBaseline   = "baseline"
	PodRestricted = "restricted"
)

// AnyServiceAccount stands for all accounts in a list of service accounts.
const AnyServiceAccount = "*"

// PodBounds is what the pods that somebody deploys to a cluster may do. The JSON
// fields are those of shares.
type PodBounds struct {
	// PodSecurity is a Pod Security level. Below "privileged", pkg/podpolicy says
	// what else is refused.
	PodSecurity string `json:"podSecurity" bson:"pod_security,omitempty"`
	// ServiceAccounts are the accounts that pods may use besides "default".
	ServiceAccounts []string `json:"serviceAccounts" bson:"service_accounts"`
}

// None reports whether pods may do anything.
func (b PodBounds) None() bool {
	return b.PodSecurity == PodPrivileged && slices.Contains(b.ServiceAccounts, AnyServiceAccount)
}

// withDefaults fills in what the owner of a cluster did not say: a share for
// certain namespaces is a boundary, one for the whole cluster is none.
func (b PodBounds) withDefaults(namespaces []string) PodBounds {
	whole := len(namespaces) == 0
	switch {
	case b.PodSecurity == "" && whole:
		b.PodSecurity = PodPrivileged
	case b.PodSecurity == "":
		b.PodSecurity = PodBaseline
	}
	switch {
	case b.ServiceAccounts == nil && whole:
		b.ServiceAccounts = []string{AnyServiceAccount}
	case b.ServiceAccounts == nil:
		b.ServiceAccounts = []string{}
	}
	return b
}
