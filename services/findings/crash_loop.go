package findings

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// crashLoop finds containers that end and are started again.
func crashLoop() Rule {
	return Rule{Check: "crash-loop", Types: workloadTypes(), Look: func(f Facts) (string, []Finding) {
		found := f.eachContainer(func(c container) (Finding, bool) {
			ended := c.crashed()
			if ended == nil || ended.Reason == reasonOOM {
				return Finding{}, false
			}
			what := fmt.Sprintf("container %q keeps ending with exit code %d", c.spec.Name, ended.ExitCode)
			if c.status.RestartCount == 0 {
				what = fmt.Sprintf("container %q ended with exit code %d", c.spec.Name, ended.ExitCode)
			}
			if meaning := exitMeaning(ended); meaning != "" {
				what += ", " + meaning
			}
			one := Finding{Message: what, Suggestion: crashAdvice(ended)}
			one.Evidence = append(statusEvidence(ended.Message), logEvidence(f.logOf(c.pod.Name, c.spec.Name))...)
			one.Evidence = append(one.Evidence, eventEvidence(f.eventsOf(c.pod.UID, "BackOff", "Unhealthy", "Failed"))...)
			return one, true
		})
		return f.allWell("no container keeps ending"), found
	}}
}

const reasonOOM = "OOMKilled"

// crashed returns how a container that fails ended last, or nil for one that does not.
// One that runs again counts as failing while it is not ready.
func (c container) crashed() *corev1.ContainerStateTerminated {
	now, last := c.status.State, c.status.LastTerminationState.Terminated
	switch {
	case now.Terminated != nil && (now.Terminated.ExitCode != 0 || now.Terminated.Reason == reasonOOM):
		return now.Terminated
	case now.Waiting != nil && now.Waiting.Reason == "CrashLoopBackOff" && last != nil:
		return last
	case now.Waiting != nil && now.Waiting.Reason == "CrashLoopBackOff":
		return &corev1.ContainerStateTerminated{}
	case now.Running != nil && !c.status.Ready && last != nil && (last.ExitCode != 0 || last.Reason == reasonOOM):
		return last
	}
	return nil
}

// exitMeaning says what shells and kernels mean by an exit code.
func exitMeaning(ended *corev1.ContainerStateTerminated) string {
	switch ended.ExitCode {
	case 0:
		return "as a program does that has nothing to do any more"
	case 126:
		return "its command cannot be executed"
	case 127:
		return "its command was not found in the image"
	case 134:
		return "it aborted itself"
	case 137:
		return "it was killed"
	case 139:
		return "it accessed memory that is not its own"
	case 143:
		return "it was asked to end"
	}
	if ended.Reason != "" && ended.Reason != "Error" {
		return "reason " + ended.Reason
	}
	return ""
}

func crashAdvice(ended *corev1.ContainerStateTerminated) string {
	switch {
	case ended.ExitCode == 0:
		return "use a command that goes on, or a job in place of a workload that is to run for ever"
	case ended.ExitCode == 126 || ended.ExitCode == 127 || strings.Contains(ended.Message, "executable file not found"):
		return "correct the command, or use an image that has it"
	case ended.ExitCode == 137 || ended.ExitCode == 143:
		return "check the liveness probe, which has a container killed that answers too late"
	}
	return "read the last lines of its log; usual causes are a missing variable, a wrong argument, and a dependency that is away"
}
