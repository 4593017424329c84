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
	for key, value := range defaults() {
		v.SetDefault(key, value)
	}
	if err := readFile(v, file, getenv); err != nil {
		return Config{}, Faults{err.Error()}
	}
	r := &reader{v: v, getenv: getenv}
	r.unknownKeys()
	for key := range defaults() {
		if value := fromEnv(getenv, key); value != "" {
			v.Set(key, value)
		}
	}
	cfg := r.config()
	if len(r.faults) > 0 {
		slices.Sort(r.faults)
		return Config{}, r.faults
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

// fromEnv returns the value of key in the environment, and "" where it is not
// set. Kubernetes announces a Service named kubeorch to its pods in variables
// that look like ours; such an address is nobody's setting.
func fromEnv(getenv func(string) string, key string) string {
	name := strings.ReplaceAll(key, ".", "_")
	if value := getenv(envPrefix + name); value != "" && !strings.HasPrefix(value, "tcp://") {
		return value
	}
	return getenv(name)
}

// Faults is everything that is wrong with a configuration.
type Faults []string

// Error joins the faults in one line.
func (f Faults) Error() string { return "configuration: " + strings.Join(f, "; ") }
