package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"time"
)

// ports are the ports of the components on 127.0.0.1. They stay the same from run
// to run, so that kubeconfigs stay valid.
type ports struct {
	APIServer int `json:"apiserver"`
	Etcd      int `json:"etcd"`
	EtcdPeer  int `json:"etcdPeer"`
	Kubelet   int `json:"kubelet"`
	Kwok      int `json:"kwok"`
	Metrics   int `json:"metrics"`
}

// firstPort begins the range of ports. It ends before the kernel's range for outgoing
// connections, one of which could take a port between two runs.
const firstPort = 20000

// choosePorts returns the ports of the last run if they are free, and new ones in
// place of the others. It waits up to wait for those of a run that is just ending.
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

// listenAgain listens on port, and tries until deadline.
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

// listenAnew listens on a port below the kernel's range, or on one that the kernel
// picks when there is none.
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
