package kubernetes

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The states of a Component.
const (
	Healthy       = "healthy"
	Unhealthy     = "unhealthy"
	UnknownHealth = "unknown" // the cluster does not say, or not to these credentials
)

// Component is one part of a cluster's control plane.
type Component struct {
	Name    string // "API Server", "Scheduler", "Controller" or "etcd"
	Status  string
	Message string // why it is not healthy
}

const (
	// leaseGrace is the age of a lease, in durations of that lease, at which its
	// component counts as unhealthy.
	leaseGrace = 2

	// clockSkew is how much the clocks of a cluster and this machine may
	// differ.
	clockSkew = 5 * time.Minute
)

// probeComponents returns the health of the API server and etcd according to the
// API server's own checks.
func (c *Connection) probeComponents(ctx context.Context) ([]Component, error) {
	text, code, err := c.readProbe(ctx, "/readyz")
	if code == http.StatusNotFound {
		text, code, err = c.readProbe(ctx, "/healthz")
	}
	if r := ReasonOf(err); code == 0 && r != Forbidden && r != NotFound && r != UnknownKind {
		return nil, err
	}
	return componentsFrom(code, text), nil
}

// readProbe returns code 0 and an error when the server does not answer. The end
// of a long text about failures may be missing.
func (c *Connection) readProbe(ctx context.Context, path string) (text string, code int, err error) {
	data, err := c.typed.CoreV1().RESTClient().Get().AbsPath(path).Param("verbose", "true").
		SetHeader("Accept", "text/plain").Do(ctx).StatusCode(&code).Raw()
	failed := apierrors.APIStatus(nil)
	if !errors.As(err, &failed) {
		return string(data), code, err
	}
	status := failed.Status()
	if status.Details != nil {
		for _, cause := range status.Details.Causes {
			if cause.Type == metav1.CauseTypeUnexpectedServerResponse {
				text = cause.Message
			}
		}
	}
	return text, int(status.Code), err
}

// componentsFrom parses lines such as "[+]etcd ok" and "[-]etcd failed: reason".
func componentsFrom(code int, text string) []Component {
	server := Component{Name: "API Server", Status: UnknownHealth, Message: "the cluster does not say how it is doing"}
	etcd := Component{Name: "etcd", Status: UnknownHealth, Message: "the API server does not say how it is doing"}
	switch {
	case code == http.StatusOK:
		server.Status, server.Message = Healthy, ""
	case code == http.StatusForbidden, code == http.StatusUnauthorized:
		server.Message = "the credentials do not permit to read it"
		etcd.Message = server.Message
	case code >= http.StatusInternalServerError:
		server.Status, server.Message = Unhealthy, "is not ready"
	}
	var failed []string
	for line := range strings.Lines(text) {
		check, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		name, bad := strings.CutPrefix(check, "[-]")
		if bad {
			failed = append(failed, name)
		}
		switch check {
		case "[+]etcd":
			etcd.Status, etcd.Message = Healthy, ""
		case "[-]etcd":
			etcd.Status, etcd.Message = Unhealthy, "the API server does not reach it"
		}
	}
	if server.Status == Unhealthy && len(failed) > 0 {
		server.Message = clean("is not ready: " + strings.Join(failed, ", "))
	}
	return []Component{server, etcd}
}

// leaseComponents returns the health of the scheduler and the controller manager,
// whose leaders renew a lease every few seconds.
func (c *Connection) leaseComponents(ctx context.Context) ([]Component, error) {
	renewed := make(map[string]lease)
	err := paged(func(o metav1.ListOptions) (string, error) {
		list, err := c.typed.CoordinationV1().Leases(metav1.NamespaceSystem).List(ctx, o)
		if err != nil {
			return "", err
		}
		for i := range list.Items {
			if l := list.Items[i].Spec; l.RenewTime != nil && l.LeaseDurationSeconds != nil {
				renewed[list.Items[i].Name] = lease{l.RenewTime.Time, time.Duration(*l.LeaseDurationSeconds) * time.Second}
			}
		}
		return list.Continue, nil
	})
	if forgiven := ignoreAbsent(err); forgiven != nil {
		return nil, forgiven
	}
	return []Component{
		leader("Scheduler", "kube-scheduler", renewed, err == nil, time.Now()),
		leader("Controller", "kube-controller-manager", renewed, err == nil, time.Now()),
	}, nil
}

type lease struct {
	renewed time.Time
	lasts   time.Duration
}

// leader returns the health of a component by its lease. The newest of all leases
// tells the time in the cluster, since API servers renew leases as well.
func leader(name, holder string, leases map[string]lease, readable bool, now time.Time) Component {
	c := Component{Name: name, Status: UnknownHealth, Message: "the credentials do not permit to read it"}
	if !readable {
		return c
	}
	own, ok := leases[holder]
	if !ok {
		c.Message = "the cluster does not say how it is doing"
		return c
	}
	clusterTime := own.renewed
	for _, l := range leases {
		if l.renewed.After(clusterTime) {
			clusterTime = l.renewed
		}
	}
	if clusterTime.Sub(own.renewed) > leaseGrace*own.lasts || now.Sub(own.renewed) > clockSkew {
		c.Status, c.Message = Unhealthy, "has not renewed its lease since "+own.renewed.UTC().Format(time.RFC3339)
		return c
	}
	c.Status, c.Message = Healthy, ""
	return c
}
