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
	"k8s.io/apimachinery/pkg/util/validation"
)

// Quantity checks an amount like "500m", "1.5" or "10Gi" that must not be
// negative.
func Quantity(s string) string {
	if len(s) > maxText {
		return validation.MaxLenError(maxText)
	}
	if HugeExponent(s) {
		return "has an exponent of more than two digits"
	}
	q, err := resource.ParseQuantity(s)
	if err != nil {
		return fmt.Sprintf("%s is not a quantity like 500m, 1.5 or 256Mi", show(s))
	}
	if q.Sign() < 0 {
		return fmt.Sprintf("%s must not be negative", show(s))
	}
	return ""
}

// HugeExponent reports whether s is a number like 1e999999999, which takes the
// parser of quantities for ever. Ask before a text reaches it, also as a part
// of a larger object.
func HugeExponent(s string) bool {
	i := strings.IndexAny(s, "eE")
	if i < 0 {
		return false
	}
	digits := strings.TrimLeft(s[i+1:], "+-0")
	return len(digits) > 2 && strings.Trim(s[:i], "+-.0123456789")+strings.Trim(digits, "0123456789") == ""
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

// Percentage checks a whole share like 25%, which may be more than all.
func Percentage(s string) string {
	return within(maxText, s, validation.IsValidPercent)
}

// Image checks a container image reference.
func Image(s string) string {
	if len(s) > maxText {
		return validation.MaxLenError(maxText)
	}
	if _, err := reference.ParseNormalizedNamed(s); err != nil {
		return fmt.Sprintf("%s is not an image reference: %v", show(s), err)
	}
	return ""
}

// Schedule checks a cron schedule: five fields, or a macro such as @hourly.
// Time zones inside the text are refused, as Kubernetes does.
func Schedule(s string) string {
	if len(s) > maxText {
		return validation.MaxLenError(maxText)
	}
	if strings.Contains(s, "TZ") {
		return "must not contain a time zone (TZ or CRON_TZ)"
	}
	if _, err := cron.ParseStandard(s); err != nil {
		return fmt.Sprintf("%s is not a schedule of five fields like \"0 * * * *\": %v", show(s), err)
	}
	return ""
}

// maxText is longer than any amount, image or schedule, in bytes.
const maxText = 1024

// maxShown bounds how much of a wrong value a message repeats.
const maxShown = 60

// show quotes s for a message, cut when it is long.
func show(s string) string {
	if len(s) > maxShown {
		return fmt.Sprintf("%.*q…", maxShown, s)
	}
	return fmt.Sprintf("%q", s)
}
