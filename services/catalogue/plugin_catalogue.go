package catalogue

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"sigs.k8s.io/yaml"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/validator"
	"github.com/kubeorch/core/services/kinds"
)

// LoadPlugins reads the plugin definitions of all *.yaml files at the top of
// each source, each file a list of plugins. A plugin of a later source
// replaces one of the same id. The result is sorted by display name; its
// lists are never nil. The error names every fault of every file.
func LoadPlugins(sources ...fs.FS) ([]models.Plugin, error) {
	byID := map[string]models.Plugin{}
	var errs []error
	for _, src := range sources {
		found, err := readPlugins(src)
		errs = append(errs, err)
		for id, p := range found {
			byID[id] = p
		}
	}
	var all []models.Plugin
	for _, p := range byID {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b models.Plugin) int {
		return cmp.Or(cmp.Compare(a.DisplayName, b.DisplayName), cmp.Compare(a.ID, b.ID))
	})
	errs = append(errs, checkNodeTypes(all)...)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return all, nil
}

func readPlugins(src fs.FS) (map[string]models.Plugin, error) {
	if _, err := fs.Stat(src, "."); err != nil {
		return nil, fmt.Errorf("plugins directory: %w", err)
	}
	files, err := fs.Glob(src, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("plugins directory: %w", err)
	}
	byID := map[string]models.Plugin{}
	var errs []error
	for _, file := range files {
		list, err := readPluginFile(src, file)
		if err != nil {
			errs = append(errs, fmt.Errorf("plugins in %s: %w", file, err))
		}
		for _, p := range list {
			if _, dup := byID[p.ID]; dup {
				errs = append(errs, fmt.Errorf("plugins in %s: plugin %q is defined twice", file, p.ID))
			}
			byID[p.ID] = p
		}
	}
	return byID, errors.Join(errs...)
}

func readPluginFile(src fs.FS, file string) ([]models.Plugin, error) {
	text, err := fs.ReadFile(src, file)
	if err != nil {
		return nil, err
	}
	var list []models.Plugin
	if err := yaml.UnmarshalStrict(text, &list); err != nil {
		return nil, err
	}
	var errs []error
	for i := range list {
		p := &list[i]
		p.Name = cmp.Or(p.Name, p.ID)
		p.CRDKinds = append([]string{}, p.CRDKinds...)
		p.NodeTypes = append([]models.PluginNodeType{}, p.NodeTypes...)
		if msg := validator.LabelValue(p.ID); p.ID == "" || msg != "" {
			errs = append(errs, fmt.Errorf("plugin %d: the id %q cannot be a label's value", i+1, p.ID))
		}
		for j := range p.NodeTypes {
			p.NodeTypes[j].Fields = append([]models.PluginField{}, p.NodeTypes[j].Fields...)
			errs = append(errs, checkNodeType(*p, p.NodeTypes[j]))
		}
	}
	return list, errors.Join(errs...)
}

// checkNodeType returns the faults of one node type.
func checkNodeType(p models.Plugin, t models.PluginNodeType) error {
	var errs []error
	addf := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("node type %q of plugin %q: %s", t.Name, p.ID, fmt.Sprintf(format, args...)))
	}
	if msg := validator.LabelValue(t.Name); t.Name == "" || msg != "" {
		addf("the name cannot be a label's value")
	}
	if msg := validator.Subdomain(cmp.Or(t.Group, p.CRDGroup)); msg != "" {
		addf("the group: %s", msg)
	}
	if t.Kind == "" {
		addf("the kind is missing")
	}
	seen := map[string]bool{}
	for _, field := range t.Fields {
		if field.ID == "" || seen[field.ID] {
			addf("the field id %q is empty or used twice", field.ID)
		}
		seen[field.ID] = true
		types := []string{models.FieldText, models.FieldNumber, models.FieldSelect, models.FieldTextarea}
		if !slices.Contains(types, field.Type) {
			addf("field %q has the unknown type %q", field.ID, field.Type)
		}
		if field.Default != "" && len(field.Options) > 0 && !slices.Contains(field.Options, field.Default) {
			addf("the default of field %q is not among its options", field.ID)
		}
	}
	return errors.Join(errs...)
}

// checkNodeTypes reports node types with the same name, which a drawing could not
// tell apart.
func checkNodeTypes(plugins []models.Plugin) (errs []error) {
	owner := map[string]string{}
	for _, p := range plugins {
		for _, t := range p.NodeTypes {
			switch other, dup := owner[t.Name]; {
			case dup:
				errs = append(errs, fmt.Errorf("node type %q belongs to plugin %q and to %q", t.Name, other, p.ID))
			case kinds.IsType(t.Name):
				errs = append(errs, fmt.Errorf("node type %q of plugin %q has the name of a core type", t.Name, p.ID))
			}
			owner[t.Name] = p.ID
		}
	}
	return errs
}
