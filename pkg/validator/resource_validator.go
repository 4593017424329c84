// Package validator says whether single values suit Kubernetes, by the rules
// of the libraries that own them. Every function returns "" for a good value,
// else a text that continues the name of a field: "must be a number".
package validator

import (
	"fmt"
	"strings"

	"github.com/distribution/reference"
	"github.com/robfig/cron/v3"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Quantity checks an amount like "500m", "1.5" or "10Gi" that must not be
// negative.
func Quantity(s string) string {
	q, err := resource.ParseQuantity(s)
	if err != nil {
		return fmt.Sprintf("%s is not a quantity like 500m, 1.5 or 256Mi", show(s))
	}
	if q.Sign() < 0 {
		return fmt.Sprintf("%s must not be negative", show(s))
	}
	return ""
}

// PositiveQuantity checks an amount that must be more than nothing.
func PositiveQuantity(s string) string {
	if msg := Quantity(s); msg != "" {
		return msg
	}
	if q := resource.MustParse(s); q.IsZero() {
		return "must be more than 0"
	}
	return ""
}

// Image checks a container image reference.
func Image(s string) string {
	if _, err := reference.ParseNormalizedNamed(s); err != nil {
		return fmt.Sprintf("%s is not an image reference: %v", show(s), err)
	}
	return ""
}

// Schedule checks a cron schedule: five fields, or a macro such as @hourly.
// Time zones inside the text are refused, as Kubernetes does.
func Schedule(s string) string {
	if strings.Contains(s, "TZ") {
		return "must not contain a time zone (TZ or CRON_TZ)"
	}
	if _, err := cron.ParseStandard(s); err != nil {
		return fmt.Sprintf("%s is not a schedule of five fields like \"0 * * * *\": %v", show(s), err)
	}
	return ""
}

// maxShown bounds how much of a wrong value a message repeats.
const maxShown = 60

// show quotes s for a message, cut when it is long.
func show(s string) string {
	if r := []rune(s); len(r) > maxShown {
		return fmt.Sprintf("%q…", string(r[:maxShown]))
	}
	return fmt.Sprintf("%q", s)
}
