package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	podLogName      = "current.log"
	previousLogName = "previous.log"
	// podLogLimit is the size at which a new log is started.
	podLogLimit = 1 << 20
)

// podLog writes the log that every container has: a numbered line each second,
// after a few from before.
type podLog struct {
	dir  string
	next int // number of the next line
	size int
}

// begin writes the lines from before.
func (l *podLog) begin(now time.Time) error {
	const history = 20
	var lines bytes.Buffer
	for i := range history {
		lines.WriteString(l.line(now.Add(time.Duration(i-history) * time.Second)))
	}
	previous := logLine(now.Add(-time.Minute), "stdout", "starting") +
		logLine(now.Add(-time.Minute), "stderr", "panic: the devcluster let this container crash")
	if err := writePrivate(filepath.Join(l.dir, previousLogName), []byte(previous)); err != nil {
		return err
	}
	return l.replace(lines.Bytes())
}

// run adds lines until ctx ends.
func (l *podLog) run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			if err := l.add(l.line(now)); err != nil {
				return err
			}
		}
	}
}

func (l *podLog) add(line string) error {
	if l.size > podLogLimit {
		return l.replace([]byte(line))
	}
	f, err := os.OpenFile(filepath.Join(l.dir, podLogName), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	n, err := f.WriteString(line)
	l.size += n
	if err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// replace starts a new file under the same name, which followers notice.
func (l *podLog) replace(data []byte) error {
	l.size = len(data)
	return writePrivate(filepath.Join(l.dir, podLogName), data)
}

func (l *podLog) line(at time.Time) string {
	l.next++
	return logLine(at, "stdout", fmt.Sprintf("line %d", l.next))
}

// logLine is one line in the format of the container runtime interface.
func logLine(at time.Time, stream, text string) string {
	return fmt.Sprintf("%s %s F %s\n", at.UTC().Format(time.RFC3339Nano), stream, text)
}
