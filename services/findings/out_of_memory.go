package findings

import "fmt"

// outOfMemory finds containers that were killed because of their memory.
func outOfMemory() Rule {
	return Rule{Check: "out-of-memory", Types: workloadTypes(), Look: func(f Facts) (string, []Finding) {
		found := f.eachContainer(func(c container) (Finding, bool) {
			ended := c.crashed()
			if ended == nil || ended.Reason != reasonOOM {
				return Finding{}, false
			}
			one := Finding{
				Message:    fmt.Sprintf("container %q was killed for using more memory than its node had left", c.spec.Name),
				Suggestion: "set a memory limit and request that it fits in, or use nodes with more memory",
				Evidence: append(statusEvidence(fmt.Sprintf("%s, exit code %d, %d restarts", ended.Reason, ended.ExitCode, c.status.RestartCount)),
					logEvidence(f.logOf(c.pod.Name, c.spec.Name))...),
			}
			if limit, ok := c.spec.Resources.Limits["memory"]; ok {
				twice := limit.DeepCopy()
				twice.Add(limit)
				one.Message = fmt.Sprintf("container %q was killed for using more memory than its limit of %s", c.spec.Name, limit.String())
				one.Suggestion = fmt.Sprintf("raise the memory limit, for instance to %s, or have the program use less", twice.String())
			}
			return one, true
		})
		return f.allWell("no container was killed for its memory"), found
	}}
}
