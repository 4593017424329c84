package main

import (
	"context"
	"io/fs"
	"os"

	"github.com/kubeorch/core/pkg/template"
	"github.com/kubeorch/core/services"
	"github.com/kubeorch/core/services/kinds"
	"github.com/kubeorch/core/templates"
	"github.com/kubeorch/core/templates/plugins"
)

// loadTemplates reads the templates and the plugin definitions of the binary,
// overlaid by those of the configured directories, and makes the node kinds
// that use them.
func (s *server) loadTemplates(context.Context) error {
	registry, err := template.Load(overlay(templates.FS, s.cfg.TemplatesDir)...)
	if err != nil {
		return err
	}
	catalogue, err := services.LoadPlugins(overlay(plugins.FS, s.cfg.PluginsDir)...)
	if err != nil {
		return err
	}
	if s.templates, err = services.NewTemplates(registry); err != nil {
		return err
	}
	s.kinds, err = kinds.NewRegistry(kinds.Builtin(registry, catalogue)...)
	return err
}

func overlay(builtin fs.FS, dir string) []fs.FS {
	if dir == "" {
		return []fs.FS{builtin}
	}
	return []fs.FS{builtin, os.DirFS(dir)}
}
