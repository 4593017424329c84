package findings

import (
	"fmt"

	discoveryv1 "k8s.io/api/discovery/v1"
)

const typeService = "service"

func serviceOnly() []string { return []string{typeService} }

// serviceEndpoints finds Services without an address to send to.
func serviceEndpoints() Rule {
	return Rule{Check: "endpoints-exist", Types: serviceOnly(), Look: func(f Facts) (string, []Finding) {
		if !f.knows(PartEndpoints) {
			return "", nil
		}
		ready, waiting := endpoints(f.Slices)
		switch {
		case ready > 0:
			return fmt.Sprintf("ready addresses: %d", ready), nil
		case waiting > 0:
			return "", []Finding{{
				Message:    fmt.Sprintf("none of %d addresses is ready, so that the Service answers nothing", waiting),
				Suggestion: "look at the pods behind the Service: they run, and are not ready",
			}}
		}
		return "", []Finding{{
			Message:    "the Service has no address to send to",
			Suggestion: "check that the selector matches pods, and that these run",
		}}
	}}
}

// endpoints counts the distinct pods of slices that are ready, and the others. A
// Service of two address families has a slice for each.
func endpoints(slices []discoveryv1.EndpointSlice) (ready, waiting int) {
	known := map[string]bool{}
	for _, s := range slices {
		for _, e := range s.Endpoints {
			key := ""
			if len(e.Addresses) > 0 {
				key = e.Addresses[0]
			}
			if e.TargetRef != nil {
				key = string(e.TargetRef.UID)
			}
			known[key] = known[key] || e.Conditions.Ready == nil || *e.Conditions.Ready
		}
	}
	for _, ok := range known {
		if ok {
			ready++
		} else {
			waiting++
		}
	}
	return ready, waiting
}
