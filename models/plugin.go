package models

import "time"

// Plugin is an operator whose custom resources can be drawn.
type Plugin struct {
	ID          string           `json:"id"`
	Name        string           `json:"name"` // equals ID
	DisplayName string           `json:"displayName"`
	Description string           `json:"description"`
	Category    string           `json:"category"`
	Version     string           `json:"version"` // the operator's
	CRDGroup    string           `json:"crdGroup"`
	CRDKinds    []string         `json:"crdKinds"`
	NodeTypes   []PluginNodeType `json:"nodeTypes"`
	CreatedAt   time.Time        `json:"createdAt,omitzero"`
	UpdatedAt   time.Time        `json:"updatedAt,omitzero"`
}

// PluginNodeType is one kind of custom resource. A plugin node names it in
// data.templateId.
type PluginNodeType struct {
	Name        string        `json:"name"` // unique among all plugins and core types
	DisplayName string        `json:"displayName"`
	Description string        `json:"description"`
	Category    string        `json:"category"`
	Fields      []PluginField `json:"fields"`
	DefaultYAML string        `json:"defaultYaml,omitempty"`

	Group      string `json:"group,omitempty"`      // of the resource; empty means the plugin's CRDGroup
	APIVersion string `json:"apiVersion,omitempty"` // like "v1"; empty means the one that the cluster serves
	Kind       string `json:"kind"`                 // of the resource
	Namespaced *bool  `json:"namespaced,omitempty"` // nil means that the cluster's discovery decides
}

// The types of a plugin's field.
const (
	FieldText     = "text"
	FieldNumber   = "number"
	FieldSelect   = "select"
	FieldTextarea = "textarea"
)

// PluginField is one value of a custom resource. Its ID is the path below
// spec, with dots between the levels.
type PluginField struct {
	ID          string   `json:"id"`
	Label       string   `json:"label"`
	Type        string   `json:"type"`
	Required    bool     `json:"required"`
	Default     string   `json:"default,omitempty"` // text for numbers too
	Options     []string `json:"options,omitempty"`
	Placeholder string   `json:"placeholder,omitempty"`
}
