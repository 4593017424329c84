package handlers

import (
	"errors"

	"github.com/kubeorch/core/models"
)

// body is the form of every error answer. Some clients read error, others
// message, so both always hold the same text.
type body struct {
	Error    string          `json:"error"`
	Message  string          `json:"message"`
	Problems models.Problems `json:"problems,omitempty"`
	Details  any             `json:"details,omitempty"`
}

func errorBody(err error) body {
	b := body{Error: models.MessageOf(err), Message: models.MessageOf(err)}
	if e, ok := errors.AsType[*models.Error](err); ok {
		b.Problems, b.Details = e.Problems, e.Extra
	}
	return b
}
