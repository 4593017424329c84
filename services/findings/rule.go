package findings

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/kubeorch/core/models"
)

// Finding is what a rule finds.
type Finding = models.DiagnosticFinding

// Rule looks at one thing that may be wrong.
type Rule struct {
	Check string   // the name of the check in answers
	Types []string // the node types that it is for
	// Look returns what is wrong, or in a sentence what is fine. With neither, the
	// check does not apply to these facts.
	Look func(f Facts) (fine string, found []Finding)
}

// maxFindings bounds the findings of one node.
const maxFindings = 50

// All returns the rules, in the order in which their checks are listed.
func All() []Rule {
	return []Rule{
		serviceEndpoints(), serviceBalancer(), serviceSelector(), servicePods(), servicePorts(),
		imagePull(), crashLoop(), outOfMemory(), unschedulable(), podStart(), probes(),
		quota(), webhook(), podCreation(),
		statefulSetStuck(), jobLimit(), cronJobRuns(),
		ingressClass(), ingressBackend(), ingressCertificate(), ingressAddress(),
		autoscalerTarget(), autoscalerMetrics(), policyMatch(), claimPending(),
	}
}

// Diagnosable reports whether nodes of a type have a diagnosis.
func Diagnosable(nodeType string) bool {
	return slices.Contains([]string{
		"deployment", "statefulset", "daemonset", "job", "cronjob", "service", "ingress", "configmap", "secret",
		"persistentvolumeclaim", "hpa", "networkpolicy",
	}, nodeType)
}

// Diagnose applies all rules to f. A missing object is the only thing that is said of
// its node.
func Diagnose(f Facts, at time.Time) models.Diagnosis {
	d := models.Diagnosis{
		OverallStatus: models.DiagnosisHealthy, ServiceName: f.Object.Name, Namespace: f.Object.Namespace, Timestamp: at,
		NodeID: f.NodeID, NodeType: f.Type,
		Checks: []models.DiagnosticCheck{}, Findings: []Finding{}, Notes: []string{},
	}
	fine, found := exists(f)
	add(&d, f, f.Type+"-exists", fine, found)
	if f.Exists {
		for _, r := range All() {
			applies := slices.Contains(r.Types, f.Type)
			if fine, found := r.Look(f); applies {
				add(&d, f, r.Check, fine, found)
			}
		}
		addPodFindings(&d, f)
	}
	if len(d.Findings) > maxFindings {
		d.Notes = append(d.Notes, fmt.Sprintf("%d more findings are left out", len(d.Findings)-maxFindings))
		d.Findings = d.Findings[:maxFindings]
	}
	if f.MorePods {
		d.Notes = append(d.Notes, fmt.Sprintf("there are more pods than the %d that were looked at", len(f.Pods)))
	}
	for part, why := range f.Unread {
		d.Notes = append(d.Notes, fmt.Sprintf("%s could not be read: %s", part, why))
	}
	slices.Sort(d.Notes)
	return d
}

// add appends the outcome of a check to d.
func add(d *models.Diagnosis, f Facts, check, fine string, found []Finding) {
	if len(found) == 0 {
		if fine != "" {
			d.Checks = append(d.Checks, models.DiagnosticCheck{Name: check, Status: models.DiagnosisPass, Message: fine})
		}
		return
	}
	complete(f, check, found)
	worst := found[0]
	for _, one := range found[1:] {
		if rank(one.Severity) > rank(worst.Severity) {
			worst = one
		}
	}
	c := models.DiagnosticCheck{
		Name: check, Status: worst.Severity, Message: worst.Message, Suggestion: worst.Suggestion,
		AutoFixable: worst.AutoFixable, FixType: worst.FixType,
	}
	if len(found) > 1 {
		c.Message += fmt.Sprintf(" (and %d more)", len(found)-1)
	}
	d.Checks = append(d.Checks, c)
	d.Findings = append(d.Findings, found...)
	if rank(worst.Severity) > rank(d.OverallStatus) {
		d.OverallStatus = worst.Severity
	}
}

// addPodFindings adds to the findings of a Service what is wrong with the pods behind
// it. They are not checks of the Service.
func addPodFindings(d *models.Diagnosis, f Facts) {
	if f.Type != "service" {
		return
	}
	for _, r := range []Rule{imagePull(), crashLoop(), outOfMemory(), unschedulable(), podStart(), probes()} {
		_, found := r.Look(f)
		complete(f, r.Check, found)
		d.Findings = append(d.Findings, found...)
	}
}

// complete fills what is the same in all findings of a check.
func complete(f Facts, check string, found []Finding) {
	for i := range found {
		one := &found[i]
		one.Check = check
		one.Severity = cmp.Or(one.Severity, models.DiagnosisError)
		if one.Object == (models.ObjectName{}) {
			one.Object = f.Object
		}
		if one.Evidence == nil {
			one.Evidence = []models.Evidence{}
		}
	}
}

func rank(severity string) int {
	return slices.Index([]string{models.DiagnosisWarning, models.DiagnosisError}, severity)
}

// exists is the check that comes before all rules.
func exists(f Facts) (fine string, found []Finding) {
	if f.Exists {
		return fmt.Sprintf("%s %q is in namespace %q", f.Object.Kind, f.Object.Name, f.Object.Namespace), nil
	}
	suggestion := "run the workflow to create it"
	if f.Type == "secret" {
		suggestion = "run the workflow and type the values of the secret"
	}
	return "", []Finding{{
		Message:    fmt.Sprintf("there is no %s %q in namespace %q", f.Object.Kind, f.Object.Name, f.Object.Namespace),
		Suggestion: suggestion,
	}}
}
