package models

// TemplateMetadata describes one entry of the frontend's palette of node types.
type TemplateMetadata struct {
	ID             string              `json:"id" yaml:"id"`
	Name           string              `json:"name" yaml:"name"` // equals the node type
	DisplayName    string              `json:"displayName" yaml:"displayName"`
	Category       string              `json:"category" yaml:"category"`
	Description    string              `json:"description" yaml:"description"`
	Icon           string              `json:"icon" yaml:"icon"`
	Version        string              `json:"version" yaml:"version"`
	Tags           []string            `json:"tags" yaml:"tags"`
	UsageFrequency string              `json:"usageFrequency" yaml:"usageFrequency"`
	Difficulty     string              `json:"difficulty" yaml:"difficulty"`
	Dependencies   []string            `json:"dependencies" yaml:"dependencies"`
	Parameters     []TemplateParameter `json:"parameters" yaml:"parameters"`
	IsPlugin       bool                `json:"isPlugin,omitempty" yaml:"isPlugin,omitempty"`
	PluginID       string              `json:"pluginId,omitempty" yaml:"pluginId,omitempty"`
}

// TemplateParameter documents one value of a template.
type TemplateParameter struct {
	Name        string           `json:"name" yaml:"name"`
	Label       string           `json:"label" yaml:"label"`
	Description string           `json:"description" yaml:"description"`
	Type        string           `json:"type" yaml:"type"`
	Required    bool             `json:"required" yaml:"required"`
	Default     any              `json:"default,omitempty" yaml:"default,omitempty"`
	Options     []TemplateOption `json:"options,omitempty" yaml:"options,omitempty"`
	Min         *int             `json:"min,omitempty" yaml:"min,omitempty"`
	Max         *int             `json:"max,omitempty" yaml:"max,omitempty"`
}

// TemplateOption is one choice of a select.
type TemplateOption struct {
	Value string `json:"value" yaml:"value"`
	Label string `json:"label" yaml:"label"`
}
