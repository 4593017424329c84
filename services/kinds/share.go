package kinds

import (
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubeorch/core/pkg/validator"
)

// allPods is the largest share of pods that can be unavailable, in percent.
const allPods = 100

// share checks a number of pods, or a share of them of at most so many
// percent. It returns the number or the percentage; where the drawing has
// neither, or a wrong one, that is fallback, which the cluster sets itself.
func (f fields) share(key string, v *intstr.IntOrString, fallback, most int) int {
	if v == nil {
		return fallback
	}
	if v.Type == intstr.Int {
		if v.IntVal < 0 {
			f.addf(key, "must not be negative")
			return fallback
		}
		return int(v.IntVal)
	}
	if validator.Percentage(v.StrVal) != "" {
		f.addf(key, "must be a number of pods or a percentage like 25%%")
		return fallback
	}
	percent, _ := strconv.Atoi(strings.TrimSuffix(v.StrVal, "%")) // the largest int where it is beyond
	if percent > most {
		f.addf(key, "must not be more than %d%%", most)
	}
	return percent
}
