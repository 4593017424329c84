package handlers

import (
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// setETag names the revision that the answer shows.
func setETag(c *gin.Context, revision int64) { c.Header("ETag", models.ETag(revision)) }

// ifMatch returns the revision that the caller's change is meant for, or nil
// when any will do. A tag that was never given out matches no revision.
func ifMatch(c *gin.Context) *int64 {
	header := strings.TrimSpace(strings.Join(c.Request.Header.Values("If-Match"), ","))
	if header == "" || header == "*" {
		return nil
	}
	revision, err := strconv.ParseInt(strings.Trim(header, `"`), 10, 64)
	if err != nil || models.ETag(revision) != header {
		revision = -1
	}
	return &revision
}
