// Package plugins holds the definitions of custom resources that the server
// ships, one file per category.
package plugins

import "embed"

// FS holds the definitions.
//
//go:embed *.yaml
var FS embed.FS
