package config

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"
)

// decode fills cfg with the values of v and reports those that do not fit.
func decode(v *viper.Viper, cfg *Config) Faults {
	return decodeFaults(v.Unmarshal(cfg, func(dc *mapstructure.DecoderConfig) {
		dc.TagName, dc.WeaklyTypedInput, dc.ErrorUnused = "key", false, true
		dc.DecodeHook = mapstructure.ComposeDecodeHookFunc(readText, wholeNumber, enableProvider)
	}))
}

// decodeFaults returns a fault for each of the errors that mapstructure joined.
// Their text, which may hold a value, is not shown.
func decodeFaults(err error) (faults Faults) {
	type several interface {
		error
		Unwrap() []error
	}
	if joined, ok := errors.AsType[several](err); ok {
		for _, e := range joined.Unwrap() {
			faults = append(faults, decodeFaults(e)...)
		}
		return faults
	}
	e, ok := errors.AsType[*mapstructure.DecodeError](err)
	if !ok {
		return nil
	}
	if text := e.Unwrap().Error(); strings.HasPrefix(text, "has invalid keys: ") { // names of keys, which mapstructure has no type for
		return Faults{strings.TrimPrefix(e.Name()+" "+text, " ")}
	}
	return Faults{fault(e.Name())}
}

// readText reads values that are written as text: all that come from the
// environment, and those of the file that YAML has no type for.
func readText(_, to reflect.Type, data any) (any, error) {
	text, ok := data.(string)
	if !ok {
		return data, nil
	}
	text = strings.TrimSpace(text)
	switch {
	case to == reflect.TypeFor[time.Duration]():
		return time.ParseDuration(text)
	case to == reflect.TypeFor[[]string]():
		return splitList(text), nil
	case to == reflect.TypeFor[[]Provider]() && text == "":
		return []Provider{}, nil
	case to == reflect.TypeFor[[]Provider]():
		var entries []any
		err := json.Unmarshal([]byte(text), &entries)
		return entries, err
	case to.Kind() == reflect.Int, to.Kind() == reflect.Int64:
		return strconv.Atoi(text)
	case to.Kind() == reflect.Bool:
		return strconv.ParseBool(text)
	}
	return text, nil
}

// splitList splits text at commas. Entries may hold spaces, as secrets do.
func splitList(text string) []string {
	list := strings.Split(text, ",")
	for i, entry := range list {
		list[i] = strings.TrimSpace(entry)
	}
	return slices.DeleteFunc(list, func(entry string) bool { return entry == "" })
}

// wholeNumber refuses fractions, which mapstructure would cut off.
func wholeNumber(from, to reflect.Type, data any) (any, error) {
	if from.Kind() == reflect.Float64 && to.Kind() != reflect.Float64 && to.Kind() != reflect.Interface {
		return nil, errors.New("a fraction")
	}
	return data, nil
}

// enableProvider sets what holds for a provider that does not mention it.
func enableProvider(from, to reflect.Value) (any, error) {
	if p, ok := reflect.TypeAssert[Provider](to); ok && from.Kind() == reflect.Map {
		p.Enabled, p.SignupEnabled = true, true
		to.Set(reflect.ValueOf(p))
	}
	return from.Interface(), nil
}
