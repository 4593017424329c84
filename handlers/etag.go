package handlers

import (
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// setETag sets the header ETag to the revision that the answer shows.
func setETag(c *gin.Context, revision int64) { c.Header("ETag", models.ETag(revision)) }

// ifMatch returns the revision in the header If-Match, or nil when any revision
// matches. Other values than ETags of this server match none.
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
