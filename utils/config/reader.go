package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/viper"
)

// reader takes typed values out of viper and collects what is wrong, so that
// one start shows every fault.
type reader struct {
	v      *viper.Viper
	getenv func(string) string
	faults Faults
}

func (r *reader) faultf(key, format string, args ...any) {
	r.faults = append(r.faults, key+": "+fmt.Sprintf(format, args...))
}

// unknownKeys reports keys of the file that nobody reads: a misspelt key
// would otherwise leave its default in force unseen.
func (r *reader) unknownKeys() {
	known := slices.Collect(maps.Keys(defaults()))
	for _, key := range r.v.AllKeys() {
		key = strings.ToUpper(key)
		if !slices.Contains(known, key) {
			r.faultf(key, "there is no such key")
		}
	}
}

func (r *reader) text(key string) string {
	switch v := r.v.Get(key).(type) {
	case nil:
		return ""
	case map[string]any, []any:
		r.faultf(key, "must be a single value")
		return ""
	default:
		return strings.TrimSpace(fmt.Sprint(v))
	}
}

func (r *reader) oneOf(key string, allowed ...string) string {
	s := strings.ToLower(r.text(key))
	if !slices.Contains(allowed, s) {
		r.faultf(key, "must be one of %s", strings.Join(allowed, ", "))
	}
	return s
}

func (r *reader) number(key string, lowest, highest int) int {
	n, err := strconv.Atoi(r.text(key))
	if err != nil || n < lowest || n > highest {
		r.faultf(key, "must be a whole number from %d to %d", lowest, highest)
	}
	return n
}

func (r *reader) truth(key string) bool {
	b, err := strconv.ParseBool(r.text(key))
	if err != nil {
		r.faultf(key, "must be true or false")
	}
	return b
}

func (r *reader) duration(key string, lowest time.Duration) time.Duration {
	d, err := time.ParseDuration(r.text(key))
	if err != nil || d < lowest {
		r.faultf(key, "must be a duration of at least %s, such as 48h or 30m", lowest)
	}
	return d
}

// list reads a YAML list, or text with commas. It never returns nil.
func (r *reader) list(key string) []string {
	out := []string{}
	var parts []string
	switch v := r.v.Get(key).(type) {
	case nil:
	case []any:
		for _, e := range v {
			parts = append(parts, fmt.Sprint(e))
		}
	case string:
		parts = strings.Split(v, ",")
	default:
		r.faultf(key, "must be a list, or text with commas")
	}
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}
