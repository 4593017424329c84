package handlers

import (
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"
	"sigs.k8s.io/yaml"
)

// Docs serves the description of the API.
type Docs struct{ asYAML, asJSON []byte }

// NewDocs takes the OpenAPI document as YAML. Invalid YAML is an error.
func NewDocs(openAPI []byte) (*Docs, error) {
	asJSON, err := yaml.YAMLToJSON(openAPI)
	if err != nil {
		return nil, fmt.Errorf("OpenAPI document: %w", err)
	}
	return &Docs{openAPI, asJSON}, nil
}

// YAML answers GET /v1/api-docs.
func (h *Docs) YAML(c *gin.Context) error {
	c.Data(http.StatusOK, "application/yaml; charset=utf-8", h.asYAML)
	return nil
}

// JSON answers GET /v1/api-docs/json.
func (h *Docs) JSON(c *gin.Context) error {
	c.Data(http.StatusOK, "application/json; charset=utf-8", h.asJSON)
	return nil
}
