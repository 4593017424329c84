package config

import (
	"reflect"
	"slices"
	"strings"
)

// setting is one key as the tags of its field describe it.
type setting struct {
	key    string // AUTH.BUILTIN.ENABLED, or in the entries of a list AUTH.PROVIDERS[].NAME
	value  string // the default
	must   string // what a fault says of a wrong value
	parent bool   // stands for the settings below it and has no value of its own
}

// settings lists the settings in t, whose keys begin with prefix.
func settings(t reflect.Type, prefix string) (list []setting) {
	for f := range t.Fields() {
		s := setting{key: prefix + f.Tag.Get("key"), value: f.Tag.Get("default"), must: f.Tag.Get("must")}
		var below []setting
		switch {
		case f.Type.Kind() == reflect.Struct:
			s.parent, below = true, settings(f.Type, s.key+".")
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
			below = settings(f.Type.Elem(), s.key+"[].")
		}
		list = append(append(list, s), below...)
	}
	return list
}

// keys returns the settings that have a value of their own in the file and in
// the environment.
func keys() []setting {
	return slices.DeleteFunc(settings(reflect.TypeFor[Config](), ""), func(s setting) bool {
		return s.parent || strings.Contains(s.key, "[].")
	})
}
