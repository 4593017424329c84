package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/kubeorch/core/pkg/template"
	"github.com/kubeorch/core/services/catalogue"
	"github.com/kubeorch/core/services/kinds"
	"github.com/kubeorch/core/templates"
	"github.com/kubeorch/core/templates/plugins"
)

// LoadTemplates reads the templates and the plugin definitions of the binary,
// overlaid by those of the configured directories, and makes the node kinds
// that use them.
func (s *Server) LoadTemplates(context.Context) error {
	templateDirs, err := overlay(templates.FS, "TEMPLATES_DIR", s.cfg.TemplatesDir)
	pluginDirs, err2 := overlay(plugins.FS, "PLUGINS_DIR", s.cfg.PluginsDir)
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	registry, err := template.Load(templateDirs...)
	if err != nil {
		return err
	}
	if s.plugins, err = catalogue.LoadPlugins(pluginDirs...); err != nil {
		return err
	}
	if s.templates, err = catalogue.NewTemplates(registry); err != nil {
		return err
	}
	s.kinds, err = kinds.NewRegistry(kinds.Builtin(registry, s.plugins)...)
	return err
}

// overlay returns builtin and, above it, the directory dir that the setting
// key names. The file system of a directory does not know its path, so one
// that cannot be read is reported here.
func overlay(builtin fs.FS, key, dir string) ([]fs.FS, error) {
	if dir == "" {
		return []fs.FS{builtin}, nil
	}
	if _, err := os.ReadDir(dir); err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return []fs.FS{builtin, os.DirFS(dir)}, nil
}
