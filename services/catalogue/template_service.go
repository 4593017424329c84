package catalogue

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/template"
)

// Templates lists what the palette offers. It does not change after
// NewTemplates.
type Templates struct{ list []models.TemplateMetadata }

// templateSource reads the metadata of templates.
type templateSource interface {
	IDs() []string
	Metadata(id string) (yaml []byte, ok bool)
}

// metadataFile is a template's metadata.yaml.
type metadataFile struct {
	models.TemplateMetadata `yaml:",inline"`

	Order    int `yaml:"order"` // place in the palette, lowest first
	Produces []struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string `yaml:"kind"`
		Optional   bool   `yaml:"optional"`
	} `yaml:"produces"`
}

var _ templateSource = (*template.Registry)(nil)

// NewTemplates reads the metadata of every template in src. The error names
// every fault of all of them.
func NewTemplates(src templateSource) (*Templates, error) {
	var files []metadataFile
	var errs []error
	for _, id := range src.IDs() {
		raw, _ := src.Metadata(id)
		file, err := readMetadata(raw)
		if err != nil {
			errs = append(errs, fmt.Errorf("template %s: metadata.yaml: %w", id, err))
		}
		files = append(files, file)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	slices.SortStableFunc(files, func(a, b metadataFile) int { return cmp.Compare(a.Order, b.Order) })
	t := &Templates{list: []models.TemplateMetadata{}}
	for _, f := range files {
		t.list = append(t.list, f.TemplateMetadata)
	}
	return t, nil
}

// List returns the templates in the order of the palette. No list in them is
// nil. The caller owns the slice, but must not change what it holds.
func (t *Templates) List() []models.TemplateMetadata { return slices.Clone(t.list) }

// readMetadata is strict, so that a misspelt key is an error.
func readMetadata(raw []byte) (metadataFile, error) {
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	var f metadataFile
	if err := dec.Decode(&f); err != nil {
		return f, err
	}
	if f.Name == "" || f.DisplayName == "" {
		return f, errors.New("name and displayName are required")
	}
	f.Tags = notNil(f.Tags)
	f.Dependencies = notNil(f.Dependencies)
	f.Parameters = notNil(f.Parameters)
	return f, nil
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
