// Package middleware surrounds every request with authentication, logging,
// limits and recovery. Middleware that refuses requests takes a Fail, which
// writes the answer.
package middleware

import (
	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// Fail answers a request with err and aborts the chain.
type Fail func(c *gin.Context, err error)

func refuse(kind models.Kind, msg string) error {
	return &models.Error{Op: "middleware", Kind: kind, Msg: msg}
}
