package terminal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/pkg/podpolicy"
	"github.com/kubeorch/core/pkg/validator"
)

// check returns what is wrong with the form of a request.
func check(r models.TerminalRequest) (p models.Problems) {
	if r.Shell != "" && !slices.Contains(shells(), r.Shell) {
		p.Addf("shell", "must be one of %s", strings.Join(shells(), ", "))
	}
	if r.Image != "" {
		if msg := validator.Image(r.Image); msg != "" {
			p.Addf("image", "%s", msg)
		}
		if !r.Debug {
			p.Addf("image", "is for a debug container: set debug=true as well")
		}
	}
	return p
}

// prepare finds the container. A cluster that fails becomes the fault of the session,
// for the client to be told once it is connected.
func (t *session) prepare(ctx context.Context, req models.TerminalRequest) error {
	if t.resource.Kind != "Pod" || t.resource.Group != "" {
		msg := "a terminal is for pods, and this is a " + t.resource.Kind + "; open it on one of its pods"
		return &models.Error{Op: "terminal.session.prepare", Kind: models.Invalid, Msg: msg}
	}
	ctx, cancel := context.WithTimeout(kubernetes.ProbeEarly(ctx), lookTime)
	defer cancel()
	var err error
	if t.grant, err = t.deps.Access.RequireByID(ctx, t.userID, t.resource.ClusterID, models.ClusterDeploy); err != nil {
		return err
	}
	if t.cluster, err = t.deps.Connect(ctx, t.resource.ClusterID); err != nil {
		return t.clusterFails(err)
	}
	pod, err := t.cluster.Pod(ctx, t.resource.Namespace, t.resource.Name)
	switch {
	case kubernetes.ReasonOf(err) == kubernetes.NotFound:
		return &models.Error{Op: "terminal.session.prepare", Kind: models.NotFound, Msg: "the pod is gone", Err: err}
	case err != nil:
		return t.clusterFails(err)
	case pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed:
		return conflict("the pod has ended: its phase is %s", pod.Status.Phase)
	}
	container, err := chosen(pod, req.Container)
	if err != nil {
		return err
	}
	t.container = container.Name
	if req.Debug {
		return t.prepareDebug(pod, container, t.grant.PodBounds(), req.Image)
	}
	if why := notRunning(pod, t.container); why != "" {
		return conflict("container %s is not running: %s", t.container, why)
	}
	return checkBounds(pod, container, t.grant.PodBounds())
}

// clusterFails keeps err for the client, unless it is of our own making.
func (t *session) clusterFails(err error) error {
	_, ours := errors.AsType[*models.Error](err)
	if ours && models.KindOf(err) != models.Unavailable {
		return err
	}
	t.fault = err
	return nil
}

func conflict(format string, args ...any) error {
	return &models.Error{Op: "terminal", Kind: models.Conflict, Msg: fmt.Sprintf(format, args...)}
}

// chosen returns the container of that name, or the first one for the empty name.
func chosen(pod *corev1.Pod, name string) (corev1.Container, error) {
	all := slices.Concat(pod.Spec.Containers, pod.Spec.InitContainers)
	for _, e := range pod.Spec.EphemeralContainers {
		all = append(all, corev1.Container(e.EphemeralContainerCommon))
	}
	var names []string
	for _, c := range all {
		if c.Name == name || name == "" {
			return c, nil
		}
		names = append(names, c.Name)
	}
	var p models.Problems
	p.Addf("container", "must be a container of the pod, which has %s", strings.Join(names, ", "))
	return corev1.Container{}, p.Err("terminal.chosen")
}

// statusOf returns the status of a container, or nil when the cluster has none yet.
func statusOf(pod *corev1.Pod, container string) *corev1.ContainerStatus {
	all := slices.Concat(pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses, pod.Status.EphemeralContainerStatuses)
	for i := range all {
		if all[i].Name == container {
			return &all[i]
		}
	}
	return nil
}

// notRunning returns why a container does not run, or "".
func notRunning(pod *corev1.Pod, container string) string {
	s := statusOf(pod, container)
	switch {
	case s == nil:
		return "it has not been started"
	case s.State.Running != nil:
		return ""
	case s.State.Terminated != nil:
		return strings.TrimSuffix(fmt.Sprintf("it has ended with exit code %d, %s", s.State.Terminated.ExitCode, s.State.Terminated.Reason), ", ")
	case s.State.Waiting != nil:
		return strings.Trim(s.State.Waiting.Reason+": "+s.State.Waiting.Message, ": ")
	}
	return "it has not been started"
}

// checkBounds refuses a container that may do more than the pods that the user may
// deploy: a shell in it would be a way around the share.
func checkBounds(pod *corev1.Pod, c corev1.Container, bounds models.PodBounds) error {
	if bounds.None() {
		return nil
	}
	policy, err := podpolicy.New(bounds.PodSecurity, bounds.ServiceAccounts)
	if err != nil {
		return err
	}
	alone := pod.DeepCopy()
	alone.TypeMeta.APIVersion, alone.TypeMeta.Kind = "v1", "Pod"
	alone.Spec.Containers, alone.Spec.InitContainers, alone.Spec.EphemeralContainers = []corev1.Container{c}, nil, nil
	alone.Spec.NodeName = "" // the scheduler has set it
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(alone)
	if err != nil {
		return err
	}
	found := policy.Check(&unstructured.Unstructured{Object: object})
	if len(found) == 0 {
		return nil
	}
	msg := fmt.Sprintf("container %s may do more than the cluster is shared with you for: %s %s", c.Name, found[0].Field, found[0].Message)
	return &models.Error{Op: "terminal.checkBounds", Kind: models.Forbidden, Msg: msg}
}
