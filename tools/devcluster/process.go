package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// process is a running component.
type process struct {
	name   string
	log    string // its output
	cmd    *exec.Cmd
	exited chan struct{} // closed when the process is gone
}

// processes are the components that run, oldest first. It must be used by
// one goroutine that is locked to its thread: the kernel kills the children
// when the thread that started them ends.
type processes struct {
	home    home
	exe     string
	log     *slog.Logger
	running []*process
	died    chan *process
}

func newProcesses(h home, exe string, log *slog.Logger) *processes {
	return &processes{home: h, exe: exe, log: log, died: make(chan *process, 8)}
}

// start runs c as a child that ends with this process at the latest.
func (ps *processes) start(c component) error {
	file, err := os.OpenFile(ps.home.log(c.name), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close() // the child has its own copy
	p := &process{
		name:   c.name,
		log:    file.Name(),
		cmd:    exec.Command(ps.exe, append([]string{c.name}, c.args...)...),
		exited: make(chan struct{}),
	}
	p.cmd.Stdout, p.cmd.Stderr = file, file
	p.cmd.Dir = string(ps.home)
	p.cmd.Env = append(plainEnvironment(), c.env...)
	p.cmd.SysProcAttr = childAttributes()
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", c.name, err)
	}
	ps.log.Info("started", "component", c.name, "pid", p.cmd.Process.Pid)
	go func() {
		_ = p.cmd.Wait()
		close(p.exited)
		ps.died <- p
	}()
	ps.running = append(ps.running, p)
	return ps.record()
}

// plainEnvironment is the part of the environment that components need. Etcd would
// take its configuration from the rest, and commands in pods would see it.
func plainEnvironment() []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// stop ends all components, the youngest first, and returns when they are
// gone. One that does not stop in time is killed.
func (ps *processes) stop(patience time.Duration) {
	for i := len(ps.running) - 1; i >= 0; i-- {
		p := ps.running[i]
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.exited:
		case <-time.After(patience):
			ps.log.Warn("killing what does not stop", "component", p.name)
			_ = p.cmd.Process.Kill()
			<-p.exited
		}
	}
	ps.running = nil
	_ = os.Remove(ps.home.path("processes.json"))
}

// failure describes why p ended by the end of its log.
func (p *process) failure() error {
	data, _ := os.ReadFile(p.log)
	lines := strings.Split(string(bytes.TrimSpace(data)), "\n")
	last := lines[max(0, len(lines)-15):]
	return fmt.Errorf("%s ended (%s); the end of %s:\n%s", p.name, p.cmd.ProcessState, p.log, strings.Join(last, "\n"))
}

// recorded identifies a process by more than its pid, which the system reuses.
type recorded struct {
	Name    string `json:"name"`
	PID     int    `json:"pid"`
	Started string `json:"started"`
}

// record stores the running processes for killLeftovers of a later run.
func (ps *processes) record() error {
	list := make([]recorded, 0, len(ps.running))
	for _, p := range ps.running {
		pid := p.cmd.Process.Pid
		list = append(list, recorded{Name: p.name, PID: pid, Started: startTime(pid)})
	}
	return writeJSON(ps.home.path("processes.json"), list)
}

// killLeftovers kills the processes of a killed run in h, where the kernel does not
// end children with their parent. It touches only processes that are provably the
// recorded ones and have h as working directory.
func killLeftovers(ctx context.Context, h home, log *slog.Logger) error {
	var list []recorded
	readJSON(h.path("processes.json"), &list)
	for _, r := range list {
		for r.Started != "" && startTime(r.PID) == r.Started && commandLineMentions(r.PID, string(h)) {
			log.Warn("ending a component of an earlier run", "pid", r.PID)
			if err := syscall.Kill(r.PID, syscall.SIGKILL); err != nil {
				return fmt.Errorf("process %d of an earlier run: %w", r.PID, err)
			}
			if err := sleep(ctx, 50*time.Millisecond); err != nil {
				return err
			}
		}
	}
	return nil
}

// sleep waits for d. When ctx ends before, it returns the cause.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
