package main

import "strings"

// failAnnotation on a pod (template) chooses what goes wrong with it.
const failAnnotation = "devcluster.kubeorch.io/fail"

const failureOf = `.metadata.annotations["` + failAnnotation + `"]`

// failure is one step in the life of a pod that fails.
type failure struct {
	name   string
	mode   string // value of the annotation
	when   []object
	delay  int // milliseconds
	phase  string
	state  string // of each container, as a template; it may use $restarts
	count  string // restartCount of each container
	reason string // of the event that tells about it; none when empty
	event  string
}

// failureStages makes kwok play the kubelet for pods that are to fail. kwok's
// own stages leave those alone.
func failureStages() []object {
	none := expression(".status.containerStatuses.[].name", "DoesNotExist")
	pending := expression(".status.phase", "In", "Pending")
	running := expression(".status.phase", "In", "Running")
	waitsFor := func(reason string) object {
		return expression(".status.containerStatuses.[].state.waiting.reason", "In", reason)
	}
	steps := []failure{
		{name: "image-pull", mode: "image-pull", when: []object{pending, none}, phase: "Pending", count: "0", state: imagePullError,
			reason: "Failed", event: "Failed to pull image: not found"},
		{name: "image-pull-back-off", mode: "image-pull", when: []object{pending, waitsFor("ErrImagePull")}, delay: 500, phase: "Pending", count: "0", state: imagePullBackOff,
			reason: "BackOff", event: "Back-off pulling image"},
		{name: "crash-loop", mode: "crash-loop", when: []object{pending}, phase: "Running", count: "{{ $restarts }}", state: crashLoop,
			reason: "BackOff", event: "Back-off restarting failed container"},
		{name: "crash-loop-again", mode: "crash-loop", when: []object{running}, delay: 20_000, phase: "Running", count: "{{ $restarts }}", state: crashLoop,
			reason: "BackOff", event: "Back-off restarting failed container"},
		{name: "oom", mode: "oom", when: []object{pending}, phase: "Running", count: "{{ $restarts }}", state: outOfMemory},
		{name: "pending", mode: "pending", when: []object{pending, none}, phase: "Pending", count: "0", state: creating},
		{name: "job-fail", mode: "job-fail", when: []object{pending}, phase: "Failed", count: "0", state: failed},
	}
	stages := make([]object, 0, len(steps))
	for _, s := range steps {
		stages = append(stages, s.stage())
	}
	return stages
}

func (f failure) stage() object {
	next := object{"statusTemplate": f.status()}
	if f.reason != "" {
		next["event"] = object{"type": "Warning", "reason": f.reason, "message": f.event}
	}
	when := append([]object{
		expression(".metadata.deletionTimestamp", "DoesNotExist"),
		expression(failureOf, "In", f.mode),
	}, f.when...)
	return object{"apiVersion": kwokAPI, "kind": "Stage", "metadata": object{"name": "fail-" + f.name}, "spec": object{
		"resourceRef": object{"apiGroup": "v1", "kind": "Pod"},
		"selector":    object{"matchExpressions": when},
		"weight":      1,
		"delay":       object{"durationMilliseconds": f.delay},
		"next":        next,
	}}
}

// status is a template of the pod's status.
func (f failure) status() string {
	return strings.NewReplacer(
		"STATE", strings.ReplaceAll(strings.TrimSpace(f.state), "\n", "\n  "),
		"COUNT", f.count,
		"PHASE", f.phase,
	).Replace(failedStatus)
}

const failedStatus = `
{{ $now := Now }}
{{ $restarts := 1 }}
{{ range .status.containerStatuses }}{{ $restarts = add1 .restartCount }}{{ end }}
{{ $names := list }}
{{ range .spec.containers }}{{ $names = append $names .name }}{{ end }}
{{ $unready := printf "containers with unready status: [%s]" (join " " $names) }}
conditions:
- lastTransitionTime: {{ $now | Quote }}
  status: "True"
  type: Initialized
- lastTransitionTime: {{ $now | Quote }}
  status: "False"
  type: Ready
  reason: ContainersNotReady
  message: {{ $unready | Quote }}
- lastTransitionTime: {{ $now | Quote }}
  status: "False"
  type: ContainersReady
  reason: ContainersNotReady
  message: {{ $unready | Quote }}
containerStatuses:
{{ range .spec.containers }}
- image: {{ .image | Quote }}
  imageID: ""
  name: {{ .name | Quote }}
  ready: false
  started: false
  restartCount: COUNT
  STATE
{{ end }}
{{ $hostIPs := NodeIPsWith .spec.nodeName }}
{{ with $hostIPs }}
hostIP: {{ index . 0 | Quote }}
{{ end }}
phase: PHASE
startTime: {{ or .status.startTime $now | Quote }}
`

const imagePullError = `
state:
  waiting:
    reason: ErrImagePull
    message: {{ printf "failed to pull and unpack image %q: not found" .image | Quote }}
`

const imagePullBackOff = `
state:
  waiting:
    reason: ImagePullBackOff
    message: {{ printf "Back-off pulling image %q: ErrImagePull: failed to pull and unpack image %q: not found" .image .image | Quote }}
`

const crashLoop = `
lastState:
  terminated:
    exitCode: 1
    reason: Error
    startedAt: {{ $now | Quote }}
    finishedAt: {{ $now | Quote }}
state:
  waiting:
    reason: CrashLoopBackOff
    message: {{ printf "back-off 20s restarting failed container=%s" .name | Quote }}
`

const outOfMemory = `
lastState:
  terminated:
    exitCode: 137
    reason: OOMKilled
    startedAt: {{ $now | Quote }}
    finishedAt: {{ $now | Quote }}
state:
  terminated:
    exitCode: 137
    reason: OOMKilled
    startedAt: {{ $now | Quote }}
    finishedAt: {{ $now | Quote }}
`

const creating = `
state:
  waiting:
    reason: ContainerCreating
`

const failed = `
state:
  terminated:
    exitCode: 1
    reason: Error
    startedAt: {{ $now | Quote }}
    finishedAt: {{ $now | Quote }}
`
