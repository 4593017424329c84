package status

import (
	"fmt"
	"strings"
)

// containerProblem returns what is wrong with a container by its status, or
// nil. limit is its memory limit as written, if it has one.
func containerProblem(c object, limit string) *Problem {
	name, image := c.text("name"), c.text("image")
	waiting := c.at("state", "waiting")
	switch reason := waiting.text("reason"); reason {
	case "ImagePullBackOff", "ErrImagePull":
		// The kubelet alternates between the two; one name keeps the status
		// from changing with every try.
		return problem("ImagePullBackOff", fmt.Sprintf("image %q cannot be pulled%s", image, pullCause(waiting.text("message"))), true)
	case "InvalidImageName":
		return problem(reason, fmt.Sprintf("%q is not a valid image name", image), true)
	case "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable":
		return problem(reason, fmt.Sprintf("image %q cannot be used: %s", image, waiting.text("message")), true)
	case "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PostStartHookError":
		return problem(reason, fmt.Sprintf("container %q cannot start: %s", name, waiting.text("message")), true)
	case "CrashLoopBackOff":
		return crash(reason, name, limit, c.at("lastState", "terminated"))
	}
	if ended := c.at("state", "terminated"); ended != nil && (ended.number("exitCode") != 0 || ended.text("reason") == "OOMKilled") {
		return crash("Error", name, limit, ended)
	}
	if last := c.at("lastState", "terminated"); last.text("reason") == "OOMKilled" {
		return crash("Error", name, limit, last)
	}
	return nil
}

// crash words the end of a container.
func crash(reason, name, limit string, ended object) *Problem {
	if ended.text("reason") == "OOMKilled" {
		of := ""
		if limit != "" {
			of = " of " + limit
		}
		return problem("OOMKilled", fmt.Sprintf("container %q needs more memory than its limit%s allows; raise the limit", name, of), true)
	}
	verb := "ended"
	if reason == "CrashLoopBackOff" {
		verb = "keeps ending"
	}
	text := fmt.Sprintf("container %q %s", name, verb)
	if ended != nil {
		text += fmt.Sprintf(" with exit code %d", ended.number("exitCode"))
		if why := ended.text("reason"); why != "" && why != "Error" {
			text += " (" + why + ")"
		}
		if said := ended.text("message"); said != "" {
			text += ": " + said
		}
	}
	return problem(reason, text+"; its logs tell more", true)
}

// pullCause shortens what a container runtime says of a failed pull to what
// can be done about it.
func pullCause(message string) string {
	m := strings.ToLower(message)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(m, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("unauthorized", "denied", "authentication required", "forbidden", "no basic auth"):
		return ": the registry refuses access, or there is no such image; check its name and the registry's credentials"
	case has("manifest unknown", "not found", "notfound"):
		return ": it does not exist in the registry; check its name and tag"
	case has("toomanyrequests", "rate limit"):
		return ": the registry limits the number of pulls"
	case has("x509", "certificate", "tls:"):
		return ": the registry's certificate is not trusted"
	case has("no such host", "timeout", "connection refused", "unreachable", "i/o", "dial tcp"):
		return ": the registry cannot be reached from the cluster"
	}
	return ""
}
