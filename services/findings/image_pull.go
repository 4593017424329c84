package findings

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// imagePull finds containers whose image cannot be had.
func imagePull() Rule {
	return Rule{Check: "image-pull", Types: workloadTypes(), Look: func(f Facts) (string, []Finding) {
		found := f.eachContainer(func(c container) (Finding, bool) {
			waiting := c.status.State.Waiting
			if waiting == nil || !slices.Contains([]string{
				"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable", "ImageInspectError",
			}, waiting.Reason) {
				return Finding{}, false
			}
			events := f.eventsOf(c.pod.UID, "Failed", "FailedToRetrieveImagePullSecret")
			cause := pullCauseOf(c, events)
			return Finding{
				Message:    fmt.Sprintf("container %q cannot have its image %q: %s", c.spec.Name, c.spec.Image, cause.what),
				Suggestion: cause.advice,
				Evidence:   append(statusEvidence(waiting.Reason+": "+waiting.Message), eventEvidence(events)...),
			}, true
		})
		return f.allWell("the images of all containers were pulled or are being pulled"), found
	}}
}

// pullCause is why an image cannot be pulled.
type pullCause struct{ what, advice string }

// pullCauseOf reads what container runtimes say. Registries answer "denied" also for a
// repository that does not exist, so that strangers cannot tell which do.
func pullCauseOf(c container, events []corev1.Event) pullCause {
	waiting := c.status.State.Waiting
	text := waiting.Message
	secretMissing := ""
	for _, e := range events {
		text += "\n" + e.Message
		if e.Reason == "FailedToRetrieveImagePullSecret" {
			secretMissing = e.Message
		}
	}
	name, tag := splitImage(c.spec.Image)
	switch {
	case waiting.Reason == "InvalidImageName":
		return pullCause{"the name is not valid", "correct the image's name: [registry/]repository[:tag]"}
	case waiting.Reason == "ErrImageNeverPull":
		return pullCause{"the node does not have it, and the pull policy is Never", "set the pull policy to IfNotPresent"}
	case containsAny(text, "toomanyrequests", "too many requests", "rate limit"):
		return pullCause{"the registry limits the number of pulls", "wait, or add credentials of the registry, which have a higher limit"}
	case containsAny(text, "no such host", "server misbehaving"):
		return pullCause{"there is no registry of that name", "correct the registry in the image's name " + name}
	case containsAny(text, "x509", "certificate", "tls:", "http response to https client"):
		return pullCause{"the connection to the registry is not trusted", "have the nodes of the cluster trust the registry's certificate"}
	case containsAny(text, "i/o timeout", "connection refused", "unreachable", "dial tcp", "deadline exceeded", "connection reset"):
		return pullCause{"the registry cannot be reached from the cluster", "check the network between the nodes and the registry"}
	case secretMissing != "" && containsAny(text, deniedWords()...):
		return pullCause{"the registry wants credentials, and the pull secret does not exist", "add the registry's credentials, or correct the pull secret's name"}
	case containsAny(text, "unauthorized", "authentication required", "no basic auth", "incorrect username or password"):
		return pullCause{"the registry does not accept the credentials, or wants some", "add or correct the registry's credentials"}
	case containsAny(text, "name unknown", "repository does not exist and", "repository not found"):
		return pullCause{"there is no repository " + name, "correct the image's name"}
	case containsAny(text, deniedWords()...):
		return pullCause{"the registry refuses it: the repository is private, or does not exist", "check the image's name, and add the registry's credentials if it is private"}
	case containsAny(text, "manifest unknown", "manifest for", "not found"):
		return pullCause{fmt.Sprintf("the registry has no tag %q of it", tag), "correct the tag, or the image's name"}
	case containsAny(text, "no match for platform", "no matching manifest"):
		return pullCause{"it is not made for the architecture of the nodes", "use an image for the nodes' architecture"}
	}
	return pullCause{"the cluster does not say why yet", "look again in a moment; check the image's name and tag"}
}

func deniedWords() []string {
	return []string{"denied", "forbidden", "insufficient_scope", "authorization failed"}
}

// splitImage returns the repository and the tag or digest of an image.
func splitImage(image string) (name, tag string) {
	if name, digest, ok := strings.Cut(image, "@"); ok {
		return name, digest
	}
	colon := strings.LastIndexByte(image, ':')
	if colon > strings.LastIndexByte(image, '/') {
		return image[:colon], image[colon+1:]
	}
	return image, "latest"
}
