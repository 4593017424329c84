package handlers

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// decode reads the request's body, which must be one JSON object, into v.
// Unknown fields are ignored. Every error is an Invalid or TooLarge
// *models.Error whose message names the field or the place.
func decode(c *gin.Context, v any) error {
	data, err := readBody(c, false)
	if err != nil {
		return err
	}
	if data == nil {
		return badBody("the body is empty; a JSON object is expected", nil)
	}
	return unmarshal(data, v)
}

// decodeOptional is decode for routes that may be called without a body; then,
// and for the body null, v is left alone.
func decodeOptional(c *gin.Context, v any) error {
	data, err := readBody(c, true)
	if err != nil || data == nil {
		return err
	}
	return unmarshal(data, v)
}

// readBody returns the body, which is nil when there is none, and has memory
// reserved for what becomes of it. The body null is as good as none where the
// body is optional. A body must be declared as JSON: forms, which any web page
// may send without a CORS preflight, are refused.
func readBody(c *gin.Context, optional bool) ([]byte, error) {
	if c.Request.Body == nil {
		return nil, nil
	}
	s := newScanner(c.Request.Body)
	err := s.scan(isJSON(c.GetHeader("Content-Type")))
	if err != nil || s.empty || (optional && s.null) {
		return nil, err
	}
	if s.null {
		return nil, notAnObject()
	}
	// Tests, and rows without bounds, have bodies that reserve nothing.
	if r, ok := c.Request.Body.(interface{ Reserve(weight int64) error }); ok {
		return s.data, r.Reserve(s.weight())
	}
	return s.data, nil
}

func isJSON(contentType string) bool {
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || (media != "application/json" && !strings.HasSuffix(media, "+json")) {
		return false
	}
	charset, given := params["charset"]
	return !given || strings.EqualFold(charset, "utf-8")
}

func unmarshal(data []byte, v any) error {
	err := json.Unmarshal(data, v)
	if err == nil {
		return nil
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return wrongType(wrong)
	}
	return badBody("the body has a value that does not fit: "+err.Error(), err)
}

func wrongType(err *json.UnmarshalTypeError) error {
	where := "the body"
	if err.Field != "" {
		where = "field " + err.Field
	}
	return badBody(fmt.Sprintf("%s must not be of type %s", where, err.Value), err)
}

func notAnObject() error { return badBody("the body must be a JSON object", nil) }

func badBody(msg string, err error) error {
	return &models.Error{Op: "handlers.decode", Kind: models.Invalid, Msg: msg, Err: err}
}
