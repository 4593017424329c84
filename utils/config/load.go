package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/viper"
)

// defaultFile is read when it exists and no other is named.
const defaultFile = "config.yaml"

// envPrefix may precede every key in the environment, and then wins.
const envPrefix = "KUBEORCH_"

// Load reads the settings: the environment first, then the file, then the
// defaults. The file is the one named, else that of CONFIG_FILE, else
// config.yaml if there is one. The error is a Faults with everything wrong.
func Load(file string, getenv func(string) string) (Config, error) {
	v := viper.New()
	if err := readFile(v, file, getenv); err != nil {
		return Config{}, Faults{err.Error()}
	}
	for _, s := range keys() {
		v.SetDefault(s.key, s.value)
		// viper's own BindEnv reads the environment of the process alone.
		if value := fromEnv(getenv, s.key); value != "" {
			v.Set(s.key, value)
		}
	}
	var cfg Config
	faults := decode(v, &cfg)
	cfg.normalise(getenv)
	if faults = append(faults, cfg.check()...); len(faults) > 0 {
		slices.Sort(faults)
		return Config{}, slices.Compact(faults) // an unreadable value may also break its rule
	}
	return cfg, nil
}

func readFile(v *viper.Viper, file string, getenv func(string) string) error {
	if file == "" {
		file = fromEnv(getenv, "CONFIG_FILE")
	}
	if file == "" {
		if _, err := os.Stat(defaultFile); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		file = defaultFile
	}
	v.SetConfigFile(file)
	v.SetConfigType("yaml")
	if err := v.ReadInConfig(); err != nil {
		// The parser writes several lines; a fault is one.
		return fmt.Errorf("file %s: %s", file, strings.Join(strings.Fields(err.Error()), " "))
	}
	return nil
}

// fromEnv returns the value of key in the environment, or "". Kubernetes sets
// variables such as KUBEORCH_PORT=tcp://10.96.0.7:3000 in pods beside a Service
// named kubeorch; they are ignored.
func fromEnv(getenv func(string) string, key string) string {
	name := strings.ReplaceAll(key, ".", "_")
	if value := getenv(envPrefix + name); value != "" && !strings.HasPrefix(value, "tcp://") {
		return value
	}
	return getenv(name)
}

// normalise gives values that may be written in several ways one form.
func (c *Config) normalise(getenv func(string) string) {
	for _, word := range []*string{&c.GinMode, &c.LogLevel, &c.LogFormat} {
		*word = strings.ToLower(*word)
	}
	for _, address := range []*string{&c.BaseURL, &c.FrontendURL} {
		*address = strings.TrimRight(*address, "/")
	}
	c.Auth.Builtin.AllowedDomains = normalDomains(c.Auth.Builtin.AllowedDomains)
	for i := range c.Auth.Providers {
		c.Auth.Providers[i].normalise(getenv)
	}
}

// normalDomains makes @Example.com example.com.
func normalDomains(list []string) []string {
	list = strings.Fields(strings.Join(list, " "))
	for i, d := range list {
		list[i] = strings.ToLower(strings.TrimPrefix(d, "@"))
	}
	return list
}
