package handlers_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/models"
)

// fixedTemplates is a fixed list.
type fixedTemplates []models.TemplateMetadata

func (p fixedTemplates) List() []models.TemplateMetadata { return p }

func TestTemplatesKeepTheirOrder(t *testing.T) {
	t.Parallel()
	entry := func(name string) models.TemplateMetadata {
		return models.TemplateMetadata{ID: "core/" + name, Name: name, Tags: []string{}, Dependencies: []string{}, Parameters: []models.TemplateParameter{}}
	}
	for name, tc := range map[string]struct {
		list fixedTemplates
		want string
	}{
		"two": {fixedTemplates{entry("b"), entry("a")}, `{"templates":[` +
			`{"id":"core/b","name":"b","displayName":"","category":"","description":"","icon":"","version":"","tags":[],"usageFrequency":"","difficulty":"","dependencies":[],"parameters":[]},` +
			`{"id":"core/a","name":"a","displayName":"","category":"","description":"","icon":"","version":"","tags":[],"usageFrequency":"","difficulty":"","dependencies":[],"parameters":[]}]}`},
		"none": {fixedTemplates{}, `{"templates":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := gin.New()
			e.GET("/templates", handlers.Handle(slog.New(slog.DiscardHandler), handlers.NewTemplate(tc.list).List))
			w := httptest.NewRecorder()
			e.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/templates", nil))
			require.Equal(t, http.StatusOK, w.Code)
			require.Equal(t, tc.want, w.Body.String())
		})
	}
}
