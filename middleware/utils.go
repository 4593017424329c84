// Package middleware holds what surrounds every request: identity, logging,
// limits and recovery. It writes no error body itself; each part that can
// refuse a request takes a Fail.
package middleware

import (
	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// Fail ends a request with the answer for err and aborts the chain.
type Fail func(c *gin.Context, err error)

func refuse(kind models.Kind, msg string) error {
	return &models.Error{Op: "middleware", Kind: kind, Msg: msg}
}
