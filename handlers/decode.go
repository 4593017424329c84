package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/kubeorch/core/models"
)

// maxDepth bounds the nesting of a body. A schema in a custom resource in a
// workflow, the deepest body in use, stays well below.
const maxDepth = 64

// decode reads the request's body, which must be one JSON object, into v.
// Unknown fields are ignored. Every error is an Invalid or TooLarge
// *models.Error whose message names the field or the place.
func decode(c *gin.Context, v any) error {
	data, err := readBody(c)
	if err != nil {
		return err
	}
	if len(data) == 0 {
		return badBody("the body is empty; a JSON object is expected", nil)
	}
	return unmarshal(data, v)
}

// decodeOptional is decode for routes that may be called without a body; then,
// and for the body null, v is left alone.
func decodeOptional(c *gin.Context, v any) error {
	data, err := readBody(c)
	if err != nil || len(data) == 0 || string(data) == "null" {
		return err
	}
	return unmarshal(data, v)
}

// readBody returns the body without surrounding white space. A body must be
// declared as JSON: forms, which any web page may send without a CORS preflight,
// are refused.
func readBody(c *gin.Context) ([]byte, error) {
	if c.Request.Body == nil {
		return nil, nil
	}
	data, err := io.ReadAll(c.Request.Body)
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		msg := fmt.Sprintf("the body is larger than %d bytes", tooLarge.Limit)
		return nil, &models.Error{Op: "handlers.decode", Kind: models.TooLarge, Msg: msg, Err: err}
	}
	if err != nil {
		return nil, badBody("the body could not be read completely", err)
	}
	data = bytes.TrimSpace(data)
	if len(data) > 0 && !isJSON(c.GetHeader("Content-Type")) {
		return nil, badBody("the body must be JSON, sent with Content-Type: application/json", nil)
	}
	return data, nil
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
	if err := checkSyntax(data); err != nil {
		return err
	}
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

// checkSyntax refuses what encoding/json accepts, or finds late: deep nesting,
// duplicate keys, invalid UTF-8, and anything but one object.
func checkSyntax(data []byte) error {
	if data[0] != '{' {
		return badBody("the body must be a JSON object", nil)
	}
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	for {
		_, err := dec.ReadToken()
		switch {
		case err != nil:
			return syntaxError(err)
		case dec.StackDepth() > maxDepth:
			return badBody(fmt.Sprintf("the body is nested deeper than %d levels", maxDepth), nil)
		case dec.StackDepth() == 0 && dec.InputOffset() < int64(len(data)):
			return badBody("the body holds something behind the JSON object", nil)
		case dec.StackDepth() == 0:
			return nil
		}
	}
}

func syntaxError(err error) error {
	at, ok := errors.AsType[*jsontext.SyntacticError](err)
	if !ok || errors.Is(err, io.ErrUnexpectedEOF) {
		return badBody("the body ends before its JSON does", err)
	}
	where := ""
	if at.JSONPointer != "" {
		where = fmt.Sprintf(" within %q", string(at.JSONPointer))
	}
	return badBody(fmt.Sprintf("the body is not valid JSON: %v%s, after %d bytes", at.Err, where, at.ByteOffset), err)
}

func badBody(msg string, err error) error {
	return &models.Error{Op: "handlers.decode", Kind: models.Invalid, Msg: msg, Err: err}
}
