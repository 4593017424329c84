package validator

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Label checks a DNS-1123 label: what most names and every namespace must be.
func Label(s string) string {
	return within(validation.DNS1123LabelMaxLength, s, validation.IsDNS1123Label)
}

// Subdomain checks a DNS-1123 subdomain, such as the name of a storage class.
func Subdomain(s string) string {
	return within(validation.DNS1123SubdomainMaxLength, s, validation.IsDNS1123Subdomain)
}

// QualifiedName checks a label key or a name like example.com/key.
func QualifiedName(s string) string {
	const prefixSlashName = validation.DNS1123SubdomainMaxLength + 1 + 63
	return within(prefixSlashName, s, validation.IsQualifiedName)
}

// LabelValue checks the value of a label.
func LabelValue(s string) string {
	return within(validation.LabelValueMaxLength, s, validation.IsValidLabelValue)
}

// PortName checks the name of a port: a letter at least, 15 characters at most.
func PortName(s string) string { return joined(validation.IsValidPortName(s)) }

// DataKey checks a key of a ConfigMap or a Secret.
func DataKey(s string) string {
	return within(validation.DNS1123SubdomainMaxLength, s, validation.IsConfigMapKey)
}

// EnvName checks the name of an environment variable.
func EnvName(s string) string { return joined(validation.IsRelaxedEnvVarName(s)) }

// Annotations checks the keys of m and that all of m is not too large.
func Annotations(m map[string]string) string {
	return details(apivalidation.ValidateAnnotations(m, field.NewPath("annotations")))
}

// Labels checks keys and values of m.
func Labels(m map[string]string) string {
	var msgs []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if msg := QualifiedName(k); msg != "" {
			msgs = append(msgs, fmt.Sprintf("key %s: %s", show(k), msg))
		}
		if msg := LabelValue(m[k]); msg != "" {
			msgs = append(msgs, fmt.Sprintf("value of %s: %s", show(k), msg))
		}
	}
	return joined(msgs)
}

func details(errs field.ErrorList) string {
	var msgs []string
	for _, e := range errs {
		msgs = append(msgs, e.Detail)
	}
	slices.Sort(msgs) // those of a map come in any order
	return joined(slices.Compact(msgs))
}

func wildcard(s string) string {
	return within(validation.DNS1123SubdomainMaxLength, s, validation.IsWildcardDNS1123Subdomain)
}

// within applies rule to a text of no more than limit bytes. Longer ones are
// refused at once: patterns are slow on a megabyte.
func within(limit int, s string, rule func(string) []string) string {
	if len(s) > limit {
		return validation.MaxLenError(limit)
	}
	return joined(rule(s))
}

func joined(msgs []string) string { return strings.Join(msgs, "; ") }
