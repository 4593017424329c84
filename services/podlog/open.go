package podlog

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
)

// opened is what a viewer may see, and where it is.
type opened struct {
	subject
	user    string
	conn    podCluster
	pods    []*corev1.Pod
	notes   []string        // what the viewer is told first
	held    context.Context //nolint:containedctx // ends with the permission
	release context.CancelFunc
}

// open finds what a viewer asks for.
func (m *Manager) open(ctx context.Context, userID, id string, q models.LogQuery) (o opened, err error) {
	o = opened{user: userID, subject: subject{query: q, seen: parseEventID(q.LastEventID)}}
	o.resource, o.held, o.release, err = m.deps.Resources.Hold(context.WithoutCancel(ctx), userID, id, models.ClusterRead)
	if err != nil {
		return o, err
	}
	defer func() {
		if err != nil {
			o.release()
		}
	}()
	names, err := m.podNames(ctx, &o)
	if err != nil {
		return o, err
	}
	if o.conn, err = m.deps.Connect(ctx, o.resource.ClusterID); err != nil {
		return o, failure("podlog.Manager.open", err)
	}
	return o, o.find(ctx, names)
}

// podNames returns the names of the pods that o is about, the oldest first.
func (m *Manager) podNames(ctx context.Context, o *opened) ([]string, error) {
	const op = "podlog.Manager.podNames"
	r := o.resource
	switch r.Kind {
	case kindPod:
		return []string{r.Name}, nil
	case "Deployment", "StatefulSet", "DaemonSet", "Job":
	default:
		return nil, &models.Error{Op: op, Kind: models.Invalid,
			Msg: r.Kind + " has no logs: they are of Pods, Deployments, StatefulSets, DaemonSets and Jobs"}
	}
	pods, err := m.deps.Resources.Pods(ctx, o.user, r.ID)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(pods))
	for _, p := range pods {
		names = append(names, p.Name)
	}
	if len(names) > maxPods {
		o.notes = append(o.notes, fmt.Sprintf("there are %d pods; the logs of the %d newest are shown", len(names), maxPods))
		names = names[len(names)-maxPods:]
	}
	return names, nil
}

// find asks the cluster for the pods. An error means that none of them has a log to
// show.
func (o *opened) find(ctx context.Context, names []string) error {
	const op = "podlog.opened.find"
	var failed error
	o.pods = o.resolve(ctx, o.conn, names, func(pod string, err error) {
		failed = err
		if o.workload() {
			o.notes = append(o.notes, pod+" cannot be read: "+messageOf(err))
		}
	})
	switch {
	case len(o.pods) == 0 && failed != nil:
		return failure(op, failed)
	case len(o.pods) == 0 && !o.workload():
		return &models.Error{Op: op, Kind: models.NotFound, Msg: "the pod " + o.resource.Name + " is gone"}
	case len(o.pods) == 0:
		return nil
	}
	var sources, earlier int
	for _, pod := range o.pods {
		for _, s := range o.sourcesOf(pod) {
			sources++
			if s.state.previous {
				earlier++
			}
		}
	}
	var problems models.Problems
	switch {
	case sources == 0:
		problems.Addf("container", "there is no container %q; there are %s", o.query.Container, strings.Join(containersOf(o.pods[0]), ", "))
	case o.query.Previous && earlier == 0:
		problems.Addf("previous", "no container has restarted, so that there is no log from before")
	}
	return problems.Err(op)
}

// metadata describes o.
func (o *opened) metadata() models.LogMetadata {
	r := o.resource
	meta := models.LogMetadata{Pod: r.Name, Namespace: r.Namespace, Cluster: r.ClusterName, Pods: []string{}}
	if o.workload() {
		meta.Pod = r.Kind + "/" + r.Name
	}
	containers := map[string]bool{}
	for _, pod := range o.pods {
		meta.Pods = append(meta.Pods, pod.Name)
		for _, c := range choose(pod, o.query) {
			containers[c], meta.Container = true, c
		}
	}
	if len(containers) > 1 {
		meta.Container = ""
	}
	return meta
}

// failure gives err, of a cluster, its class.
func failure(op string, err error) error {
	if _, ok := errors.AsType[*models.Error](err); ok {
		return err
	}
	e := kubernetes.Translate(err)
	kind := models.Unavailable
	switch e.Reason {
	case kubernetes.BadConfig, kubernetes.NotAllowed:
		kind = models.Invalid
	case kubernetes.Forbidden:
		kind = models.Forbidden // to the credentials of the cluster
	default:
	}
	return &models.Error{Op: op, Kind: kind, Msg: e.Error(), Err: err}
}

func stopping(op string) error {
	return &models.Error{Op: op, Kind: models.Unavailable, Msg: "the server is stopping"}
}
