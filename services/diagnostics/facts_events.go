package diagnostics

import (
	"bufio"
	"context"
	"io"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeorch/core/pkg/kubernetes"
	"github.com/kubeorch/core/services/findings"
)

// readEvents reads the events about the main object and about pods that are in trouble,
// each by the object's UID: a namespace may have many thousands.
func (r *reader) readEvents(ctx context.Context) error {
	asked := []types.UID{r.facts.UID}
	if r.facts.CronJob != nil && r.facts.Job != nil {
		asked = append(asked, r.facts.Job.UID)
	}
	for _, pod := range troubled(r.facts.Pods) {
		if len(asked) > maxAsked {
			break
		}
		asked = append(asked, pod.UID)
	}
	for _, uid := range asked {
		events, _, err := list[corev1.Event](ctx, r, kubernetes.ReadRequest{
			Kind: core("Event"), Namespace: r.facts.Object.Namespace, Fields: "involvedObject.uid=" + string(uid), Most: maxEvents,
		})
		if err != nil {
			return err
		}
		r.set(func(f *findings.Facts) { f.Events = append(f.Events, events...) })
	}
	return nil
}

// troubled returns the pods that are not ready, one of each kind of trouble first.
func troubled(pods []corev1.Pod) (found []*corev1.Pod) {
	var same []*corev1.Pod
	known := map[string]bool{}
	for i := range pods {
		pod := &pods[i]
		trouble := troubleOf(pod)
		switch {
		case trouble == "":
		case known[trouble]:
			same = append(same, pod)
		default:
			known[trouble] = true
			found = append(found, pod)
		}
	}
	return append(found, same...)
}

// troubleOf tells the troubles of pods apart; it is empty for a pod that is ready or
// has succeeded.
func troubleOf(pod *corev1.Pod) string {
	if pod.Status.Phase == corev1.PodSucceeded || pod.DeletionTimestamp != nil {
		return ""
	}
	var b strings.Builder
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return ""
		}
	}
	b.WriteString(string(pod.Status.Phase))
	for _, c := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
		switch {
		case c.State.Waiting != nil:
			b.WriteString(" " + c.Name + " " + c.State.Waiting.Reason)
		case c.State.Terminated != nil:
			b.WriteString(" " + c.Name + " " + c.State.Terminated.Reason)
		}
	}
	return b.String()
}

// readLogs reads the last lines of containers that failed. A log that is gone is
// nothing to tell of.
func (r *reader) readLogs(ctx context.Context) error {
	var refused error
	read := 0
	for _, pod := range troubled(r.facts.Pods) {
		for _, c := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
			previous, failed := failedInstance(c)
			if !failed || read == maxLogs {
				continue
			}
			read++
			lines, err := r.logTail(ctx, pod, c.Name, previous)
			switch {
			case err == nil && len(lines) > 0:
				log := findings.Log{Pod: pod.Name, Container: c.Name, Lines: lines}
				r.set(func(f *findings.Facts) { f.Logs = append(f.Logs, log) })
			case kubernetes.ReasonOf(err) == kubernetes.Forbidden:
				refused = err
			}
		}
	}
	return refused
}

// failedInstance reports whether a container has failed, and whether the instance that
// did is the one before the present one.
func failedInstance(c corev1.ContainerStatus) (previous, failed bool) {
	if ended := c.State.Terminated; ended != nil {
		return false, ended.ExitCode != 0
	}
	return true, c.LastTerminationState.Terminated != nil
}

// logIdle is how long a node may take to send a log: it is asked through the API
// server, and must not use up the time of the whole diagnosis.
const logIdle = 3 * time.Second

func (r *reader) logTail(ctx context.Context, pod *corev1.Pod, container string, previous bool) ([]string, error) {
	body, err := r.cluster.Logs(ctx, kubernetes.LogRequest{
		Namespace: pod.Namespace, Pod: pod.Name, Container: container, Previous: previous, Tail: maxLogLines, Idle: logIdle,
	})
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	var lines []string
	in := bufio.NewScanner(io.LimitReader(body, maxLogBytes))
	in.Buffer(nil, maxLogBytes+1)
	for in.Scan() {
		_, text, _ := strings.Cut(in.Text(), " ") // behind the time
		lines = append(lines, text[:min(len(text), maxLogLine)])
	}
	return lines, nil
}
