// Package docs holds the description of the API that the server hands out.
package docs

import _ "embed"

// OpenAPI is the OpenAPI document, as YAML.
//
//go:embed openapi.yaml
var OpenAPI []byte
