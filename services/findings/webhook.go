package findings

import (
	"fmt"
	"regexp"
)

// What the API server says of admission webhooks.
//
//nolint:gochecknoglobals // compiled once, never written
var (
	webhookDenied = regexp.MustCompile(`admission webhook "([^"]+)" denied the request(?:: (.*))?`)
	webhookFailed = regexp.MustCompile(`failed calling webhook "([^"]+)": (.*)`)
)

// webhook finds pods that an admission webhook refuses, or keeps from being made
// because it is away.
func webhook() Rule {
	return Rule{Check: "admission-webhook", Types: append(workloadTypes(), "persistentvolumeclaim"), Look: func(f Facts) (string, []Finding) {
		found := f.refusedFor(func(text string) (Finding, bool) {
			if m := webhookDenied.FindStringSubmatch(text); m != nil {
				return Finding{
					Message:    fmt.Sprintf("the admission webhook %q refuses it: %s", m[1], Redact(m[2])),
					Suggestion: "change what the webhook complains of, or ask whoever runs it in this cluster",
				}, true
			}
			if m := webhookFailed.FindStringSubmatch(text); m != nil {
				return Finding{
					Message:    fmt.Sprintf("the admission webhook %q does not answer, so that nothing can be made: %s", m[1], Redact(m[2])),
					Suggestion: "have whoever runs the webhook in this cluster repair it",
				}, true
			}
			return Finding{}, false
		})
		return f.allWell("no webhook refuses it"), found
	}}
}

func isWebhook(text string) bool {
	return webhookDenied.MatchString(text) || webhookFailed.MatchString(text)
}
