package podlog

import (
	"fmt"
	"strings"
)

// numbered returns lines with the numbers from from to to.
func numbered(from, to int) []string {
	var lines []string
	for i := from; i < to; i++ {
		lines = append(lines, fmt.Sprintf("line %d", i))
	}
	return lines
}

// messages returns the messages of log frames.
func messages(frames []frame) []string {
	var found []string
	for _, f := range frames {
		if f.event == "log" {
			_, message, _ := strings.Cut(f.data, " ")
			found = append(found, message)
		}
	}
	return found
}

type frame struct{ id, event, data string }
