package config

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/go-playground/validator/v10"
)

// Faults is everything that is wrong with a configuration. It never holds a
// value, since any may be a secret.
type Faults []string

// Error joins the faults in one line.
func (f Faults) Error() string { return "configuration: " + strings.Join(f, "; ") }

// fault says what the value at a place such as AUTH.PROVIDERS[0].NAME must be.
func fault(place string) string {
	key := regexp.MustCompile(`\[\d+\]`).ReplaceAllString(place, "[]")
	for _, s := range settings(reflect.TypeFor[Config](), "") {
		if s.key == key || s.key+"[]" == key {
			return place + ": must " + s.must
		}
	}
	return place + ": must be of another form"
}

// check reports every value that breaks the rule in its field's tag.
func (c *Config) check() (faults Faults) {
	if broken, ok := errors.AsType[validator.ValidationErrors](newValidator().Struct(c)); ok {
		for _, field := range broken {
			faults = append(faults, fault(strings.TrimPrefix(field.Namespace(), "Config.")))
		}
	}
	if !c.Auth.Builtin.Enabled && !slices.ContainsFunc(c.Auth.Providers, func(p Provider) bool { return p.Enabled }) {
		faults = append(faults, "AUTH.BUILTIN.ENABLED: must be true unless a provider is enabled: there would be no way to log in")
	}
	return faults
}

// newValidator knows the rules of its library and those of the tags here.
func newValidator() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.SetTagName("check")
	v.RegisterTagNameFunc(func(f reflect.StructField) string { return f.Tag.Get("key") })
	for rule, valid := range map[string]func(string) bool{
		"hostport": func(s string) bool { _, _, err := net.SplitHostPort(s); return err == nil },
		"dbname":   func(s string) bool { return s != "" && len(s) <= 63 && !strings.ContainsAny(s, "/\\. \"$*<>:|?\x00") },
		"weburl":   isURL,
		"origin":   func(s string) bool { return isURL(s) && strings.Count(s, "/") == 2 && !strings.ContainsAny(s, "*?#") },
		"prefix":   func(s string) bool { _, err := netip.ParsePrefix(s); return err == nil },
		"image":    func(s string) bool { _, err := reference.ParseNormalizedNamed(s); return err == nil },
		"slug":     regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`).MatchString,
	} {
		// The only errors are an empty name and no function.
		_ = v.RegisterValidation(rule, func(field validator.FieldLevel) bool { return valid(field.Field().String()) })
	}
	v.RegisterStructValidation(checkProvider, Provider{})
	return v
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil
}
