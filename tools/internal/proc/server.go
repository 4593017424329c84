package proc

import (
	"context"
	"fmt"
	"regexp"
	"strings"
)

var listening = regexp.MustCompile(`addr="?(\S+:\d+)`)

// Server is a running KubeOrch server.
type Server struct {
	*Process
	URL string // "http://127.0.0.1:3000", without the API's base path
}

// StartServer runs the server binary with its data in dir on a loopback port
// (0: the system picks one) and waits until it listens.
func StartServer(ctx context.Context, binary, dir string, port int, env ...string) (*Server, error) {
	s := &Server{}
	env = append([]string{
		"DATA_DIR=" + dir, "HOST=127.0.0.1", fmt.Sprintf("PORT=%d", port), "GIN_MODE=release", "LOG_FORMAT=text",
	}, env...)
	p, err := Await(ctx, func(l string) bool {
		m := listening.FindStringSubmatch(l)
		if m == nil || !strings.Contains(l, "listening") {
			return false
		}
		s.URL = "http://" + m[1]
		return true
	}, env, binary)
	if err != nil {
		return nil, err
	}
	s.Process = p
	return s, nil
}

// StartCluster runs the dev cluster binary in dir and returns it with the path
// of its kubeconfig once everything in it is ready.
func StartCluster(ctx context.Context, binary, dir string) (*Process, string, error) {
	var kubeconfig string
	p, err := Await(ctx, func(l string) bool {
		path, ok := strings.CutPrefix(l, "ready ")
		if ok {
			kubeconfig = path
		}
		return ok
	}, nil, binary, "up", "--dir", dir)
	return p, kubeconfig, err
}
