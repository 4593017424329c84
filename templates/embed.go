// Package templates holds the resource templates that the server ships.
package templates

import "embed"

// FS holds core/<kind>/metadata.yaml and core/<kind>/template.yaml of every
// kind.
//
//go:embed core
var FS embed.FS
