package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"time"
)

// ports are where the components listen, all on 127.0.0.1. They are kept
// from run to run, so that kubeconfigs stay valid.
type ports struct {
	APIServer int `json:"apiserver"`
	Etcd      int `json:"etcd"`
	EtcdPeer  int `json:"etcdPeer"`
	Kubelet   int `json:"kubelet"`
	Kwok      int `json:"kwok"`
	Metrics   int `json:"metrics"`
}

// firstPort is where the range begins that ports are taken from. It ends
// where the kernel takes ports for outgoing connections, since one of those
// could have any of ours between two runs.
const firstPort = 20000

// choosePorts returns the ports of the last run as far as they are free, and
// new ones for the rest. It gives those of a run that is just ending up to
// wait to become free.
func choosePorts(h home, wait time.Duration) (ports, error) {
	var p ports
	readJSON(h.path("ports.json"), &p)
	held := make([]net.Listener, 0, 6)
	defer func() {
		for _, ln := range held {
			_ = ln.Close()
		}
	}()
	deadline := time.Now().Add(wait)
	for _, port := range []*int{&p.APIServer, &p.Etcd, &p.EtcdPeer, &p.Kubelet, &p.Kwok, &p.Metrics} {
		ln, err := listenAgain(*port, deadline)
		if err != nil {
			ln, err = listenAnew()
		}
		if err != nil {
			return ports{}, err
		}
		*port = ln.Addr().(*net.TCPAddr).Port
		held = append(held, ln)
	}
	return p, writeJSON(h.path("ports.json"), p)
}

// listenAgain takes port, trying until deadline.
func listenAgain(port int, deadline time.Time) (net.Listener, error) {
	if port == 0 {
		return nil, fmt.Errorf("no port of an earlier run")
	}
	for {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil || time.Now().After(deadline) {
			return ln, err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// listenAnew takes a port below the kernel's own range, or whatever the
// kernel offers when that range is too small or full.
func listenAnew() (net.Listener, error) {
	if room := firstOutgoingPort() - firstPort; room > 0 {
		for range 50 {
			if ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", firstPort+rand.IntN(room))); err == nil {
				return ln, nil
			}
		}
	}
	return net.Listen("tcp", "127.0.0.1:0")
}

func firstOutgoingPort() int {
	first := 32768
	if data, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		_, _ = fmt.Sscan(strings.TrimSpace(string(data)), &first)
	}
	return first
}
