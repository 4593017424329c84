package terminal

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeorch/core/models"
)

const (
	// debugPrefix begins the names of debug containers.
	debugPrefix = "kubeorch-debug-"
	// debugStart bounds how long a debug container may take to start; its image may
	// have to be pulled.
	debugStart = 2 * time.Minute
	// debugLook is how often it is looked at meanwhile.
	debugLook = time.Second
	// debugLife is how long it runs where terminals have no bound.
	debugLife = 24 * time.Hour
	// nobody is the user of debug containers that must not run as root, unless the
	// pod has another one.
	nobody = 65534
)

// prepareDebug chooses a debug container beside target: one that runs already, since
// a pod keeps those that were added, or a new one.
func (t *session) prepareDebug(pod *corev1.Pod, target corev1.Container, bounds models.PodBounds, image string) error {
	image = cmp.Or(image, t.opts.DebugImage)
	t.debugging = true
	debug := t.debugContainer(pod, target, bounds, image)
	for _, c := range pod.Spec.EphemeralContainers {
		if strings.HasPrefix(c.Name, debugPrefix) && c.Image == image && c.TargetContainerName == target.Name && notRunning(pod, c.Name) == "" {
			t.container = c.Name
			return checkBounds(pod, corev1.Container(c.EphemeralContainerCommon), bounds)
		}
	}
	t.debug, t.container = &debug, debug.Name
	return checkBounds(pod, corev1.Container(debug.EphemeralContainerCommon), bounds)
}

// debugContainer returns a container that waits for terminals and ends by itself. It
// sees the processes of target where the container runtime can do that.
func (t *session) debugContainer(pod *corev1.Pod, target corev1.Container, bounds models.PodBounds, image string) corev1.EphemeralContainer {
	seconds := int(cmp.Or(t.opts.Longest, debugLife).Seconds())
	// The shell, unlike sleep, ends when the pod is told to.
	wait := fmt.Sprintf("trap 'exit 0' TERM; sleep %d & wait", seconds)
	c := corev1.EphemeralContainer{
		TargetContainerName: target.Name,
		EphemeralContainerCommon: corev1.EphemeralContainerCommon{
			Name: debugPrefix + strings.ToLower(rand.Text()[:8]), Image: image, Command: []string{"sh", "-c", wait},
			TerminationMessagePolicy: corev1.TerminationMessageReadFile,
		},
	}
	if bounds.PodSecurity == models.PodRestricted {
		c.SecurityContext = restricted(pod, target)
	}
	return c
}

// restricted returns what the Pod Security level "restricted" asks for. The user is
// that of target, whose processes it then may look into, unless that is root.
func restricted(pod *corev1.Pod, target corev1.Container) *corev1.SecurityContext {
	user := int64(nobody)
	if p := pod.Spec.SecurityContext; p != nil && p.RunAsUser != nil && *p.RunAsUser != 0 {
		user = *p.RunAsUser
	}
	if c := target.SecurityContext; c != nil && c.RunAsUser != nil && *c.RunAsUser != 0 {
		user = *c.RunAsUser
	}
	return &corev1.SecurityContext{
		RunAsUser: &user, RunAsNonRoot: new(true), AllowPrivilegeEscalation: new(false),
		Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

// startDebug adds the debug container and waits until it runs.
func (t *session) startDebug(ctx context.Context) error {
	if err := t.print(ctx, fmt.Sprintf("Starting the debug container %s from %s …\r\n", t.container, t.debug.Image)); err != nil {
		return errClientLeft
	}
	ctx, cancel := context.WithTimeout(ctx, debugStart)
	defer cancel()
	if err := t.cluster.AddEphemeralContainer(ctx, t.resource.Namespace, t.resource.Name, *t.debug); err != nil {
		return err
	}
	tick := time.NewTicker(debugLook)
	defer tick.Stop()
	for {
		pod, err := t.cluster.Pod(ctx, t.resource.Namespace, t.resource.Name)
		if err != nil {
			return err
		}
		why := notRunning(pod, t.container)
		switch s := statusOf(pod, t.container); {
		case why == "":
			return nil
		case s != nil && (s.State.Terminated != nil || s.State.Waiting != nil && failed(s.State.Waiting.Reason)):
			return conflict("the debug container did not start: %s", why)
		}
		select {
		case <-ctx.Done():
			return conflict("the debug container did not start within %s: %s", inWords(debugStart), why)
		case <-tick.C:
		}
	}
}

// failed reports whether a container that waits for this reason needs a person.
func failed(reason string) bool {
	switch reason {
	case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError",
		"CreateContainerError", "RunContainerError":
		return true
	}
	return false
}
