package podlog

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubeorch/core/pkg/kubernetes"
)

const namespace = "shop"

// logged is the log of one instance of a container.
type logged struct {
	lines []stamped
	ended bool
}

type stamped struct {
	at   time.Time
	text string
}

// fakeContainer has a log for each of its instances; the last one is current.
type fakeContainer struct {
	instances []*logged
	exit      int32
}

func (c *fakeContainer) now() *logged { return c.instances[len(c.instances)-1] }

// fakePod is a pod whose containers are named in its spec.
type fakePod struct {
	*corev1.Pod
	containers map[string]*fakeContainer
}

// fakeCluster is an API server over HTTP/2, with pods whose logs a test writes.
type fakeCluster struct {
	*httptest.Server
	conn *kubernetes.Connection

	mu        sync.Mutex
	changed   *sync.Cond
	pods      map[string]*fakePod
	cuts      int                                           // raised to end what is followed, in the middle of a line
	hang      bool                                          // answer nothing
	answer    func(http.ResponseWriter, *http.Request) bool // in place of the usual answer, if it returns true
	following atomic.Int64
	follows   atomic.Int64 // all requests to follow
	requests  atomic.Int64 // for logs
}

func newFakeCluster(t testing.TB) *fakeCluster {
	t.Helper()
	f := &fakeCluster{pods: map[string]*fakePod{}}
	f.changed = sync.NewCond(&f.mu)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/namespaces/{namespace}/pods/{pod}", f.servePod)
	mux.HandleFunc("GET /api/v1/namespaces/{namespace}/pods/{pod}/log", f.serveLog)
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		hang, answer := f.hang, f.answer
		f.mu.Unlock()
		if hang {
			<-r.Context().Done()
			return
		}
		if answer == nil || !answer(w, r) {
			mux.ServeHTTP(w, r)
		}
	}))
	f.EnableHTTP2 = true
	f.StartTLS()
	connector := kubernetes.NewConnector(kubernetes.Options{})
	var err error
	f.conn, err = connector.Open(kubernetes.Config{Server: f.URL, AuthType: kubernetes.AuthToken, Token: "t", Insecure: true})
	require.NoError(t, err)
	t.Cleanup(func() {
		connector.Discard(f.conn)
		connector.Close()
		f.CloseClientConnections()
		f.Close()
	})
	return f
}

func (f *fakeCluster) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
	f.changed.Broadcast()
}

// run starts a pod, or replaces the one of that name.
func (f *fakeCluster) run(name string, owner string, containers ...string) {
	f.change(func() {
		p := &fakePod{containers: map[string]*fakeContainer{}, Pod: &corev1.Pod{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
			ObjectMeta: metav1.ObjectMeta{
				Name: name, Namespace: namespace, UID: types.UID(strconv.FormatInt(time.Now().UnixNano(), 36)),
			},
			Spec:   corev1.PodSpec{RestartPolicy: corev1.RestartPolicyAlways},
			Status: corev1.PodStatus{Phase: corev1.PodRunning},
		}}
		if owner != "" {
			p.OwnerReferences = []metav1.OwnerReference{{Kind: owner, Name: name}}
		}
		for _, c := range containers {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: c})
			p.containers[c] = &fakeContainer{instances: []*logged{{}}}
		}
		if old := f.pods[name]; old != nil {
			old.stop()
		}
		f.pods[name] = p
	})
}

func (p *fakePod) stop() {
	for _, c := range p.containers {
		c.now().ended = true
	}
}

// remove deletes a pod.
func (f *fakeCluster) remove(name string) {
	f.change(func() {
		f.pods[name].stop()
		delete(f.pods, name)
	})
}

// print adds lines to the log of a pod's container, all with one time.
func (f *fakeCluster) print(pod, container string, at time.Time, lines ...string) {
	f.change(func() {
		log := f.pods[pod].containers[container].now()
		for _, text := range lines {
			log.lines = append(log.lines, stamped{at, text})
		}
	})
}

// restart ends a container and starts it again.
func (f *fakeCluster) restart(pod, container string) {
	f.change(func() {
		c := f.pods[pod].containers[container]
		c.now().ended = true
		c.instances = append(c.instances, &logged{})
	})
}

// finish ends a pod for good.
func (f *fakeCluster) finish(pod string) {
	f.change(func() {
		f.pods[pod].Status.Phase = corev1.PodSucceeded
		f.pods[pod].stop()
	})
}

// cut ends what is followed, as a restart of the API server does.
func (f *fakeCluster) cut() { f.change(func() { f.cuts++ }) }

func (f *fakeCluster) servePod(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.pods[r.PathValue("pod")]
	if p == nil {
		fail(w, http.StatusNotFound, metav1.StatusReasonNotFound, "pods \""+r.PathValue("pod")+"\" not found")
		return
	}
	pod := p.DeepCopy()
	for _, c := range pod.Spec.Containers {
		own := p.containers[c.Name]
		status := corev1.ContainerStatus{Name: c.Name, RestartCount: int32(len(own.instances) - 1)}
		if len(own.instances) > 1 {
			status.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{FinishedAt: metav1.Now()}
		}
		switch {
		case pod.Status.Phase == corev1.PodPending:
			status.State.Waiting = &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "no such image"}
		case own.now().ended:
			status.State.Terminated = &corev1.ContainerStateTerminated{ExitCode: own.exit}
		default:
			status.State.Running = &corev1.ContainerStateRunning{}
		}
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, status)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(pod)
}

func fail(w http.ResponseWriter, code int, reason metav1.StatusReason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure,
		Reason: reason, Message: message, Code: int32(code), Details: &metav1.StatusDetails{Name: "x"},
	})
}

// serveLog answers as the kubelet does, through the API server.
func (f *fakeCluster) serveLog(w http.ResponseWriter, r *http.Request) {
	f.requests.Add(1)
	q := r.URL.Query()
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.pods[r.PathValue("pod")]
	if p == nil {
		fail(w, http.StatusNotFound, metav1.StatusReasonNotFound, "no such pod")
		return
	}
	c := p.containers[q.Get("container")]
	if c == nil || p.Status.Phase == corev1.PodPending {
		fail(w, http.StatusBadRequest, metav1.StatusReasonBadRequest, "container is waiting to start")
		return
	}
	log := c.now()
	if q.Get("previous") == "true" {
		log = c.instances[max(0, len(c.instances)-2)]
	}
	next := 0
	if tail := q.Get("tailLines"); tail != "" {
		n, _ := strconv.Atoi(tail)
		next = max(0, len(log.lines)-n)
	}
	var since time.Time
	if text := q.Get("sinceTime"); text != "" {
		since, _ = time.Parse(time.RFC3339, text)
	}
	if text := q.Get("sinceSeconds"); text != "" {
		n, _ := strconv.Atoi(text)
		since = time.Now().Add(-time.Duration(n) * time.Second)
	}
	follow := q.Get("follow") == "true"
	if follow {
		f.following.Add(1)
		f.follows.Add(1)
		defer f.following.Add(-1)
	}
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-r.Context().Done():
			f.change(func() {})
		case <-stop:
		}
	}()
	cuts := f.cuts
	for {
		for next < len(log.lines) && r.Context().Err() == nil {
			lines := log.lines[next:]
			next = len(log.lines)
			f.mu.Unlock()
			for _, l := range lines {
				if !l.at.Before(since) {
					_, _ = fmt.Fprintf(w, "%s %s\n", l.at.UTC().Format(time.RFC3339Nano), l.text)
				}
			}
			if follow {
				w.(http.Flusher).Flush()
			}
			f.mu.Lock()
		}
		if f.cuts != cuts {
			if next > 0 { // in the middle of a line, which comes again
				_, _ = fmt.Fprintf(w, "%s half of", time.Now().UTC().Format(time.RFC3339Nano))
				w.(http.Flusher).Flush()
			}
			panic(http.ErrAbortHandler)
		}
		if !follow || log.ended || r.Context().Err() != nil {
			return
		}
		f.changed.Wait()
	}
}
