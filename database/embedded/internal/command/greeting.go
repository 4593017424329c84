package command

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/bsonval"
	"github.com/kubeorch/core/database/embedded/internal/storage"
	"github.com/kubeorch/core/database/embedded/internal/wire"
)

const (
	maxWriteBatch = 100_000
	// wireVersion is that of MongoDB 7.0, whose behaviour is followed.
	wireVersion   = 21
	serverVersion = "7.0.0"
)

// hello presents the store as a standalone server without sessions, so that
// drivers try neither transactions nor retries.
func (s *Server) hello(_ context.Context, r *request) error {
	primary := "isWritablePrimary"
	if r.name != "hello" {
		primary = "ismaster"
	}
	r.out = bsoncore.AppendBooleanElement(r.out, "helloOk", true)
	r.out = bsoncore.AppendBooleanElement(r.out, primary, true)
	r.out = bsoncore.AppendInt32Element(r.out, "maxBsonObjectSize", storage.MaxDocument)
	r.out = bsoncore.AppendInt32Element(r.out, "maxMessageSizeBytes", wire.MaxMessage)
	r.out = bsoncore.AppendInt32Element(r.out, "maxWriteBatchSize", maxWriteBatch)
	r.out = bsoncore.AppendDateTimeElement(r.out, "localTime", s.now().UnixMilli())
	r.out = bsoncore.AppendInt32Element(r.out, "minWireVersion", 0)
	r.out = bsoncore.AppendInt32Element(r.out, "maxWireVersion", wireVersion)
	r.out = bsoncore.AppendBooleanElement(r.out, "readOnly", false)
	return nil
}

func nothing(context.Context, *request) error { return nil }

func buildInfo(_ context.Context, r *request) error {
	r.out = bsoncore.AppendStringElement(r.out, "version", serverVersion)
	r.out = bsoncore.BuildArrayElement(r.out, "versionArray", bsonval.Int32(7), bsonval.Int32(0), bsonval.Int32(0), bsonval.Int32(0))
	r.out = bsoncore.BuildArrayElement(r.out, "modules", bsonval.String("kubeorch embedded store"))
	r.out = bsoncore.AppendInt32Element(r.out, "bits", 64)
	r.out = bsoncore.AppendInt32Element(r.out, "maxBsonObjectSize", storage.MaxDocument)
	return nil
}

// connectionStatus tells that nobody is logged in: there are no users.
func connectionStatus(_ context.Context, r *request) error {
	idx, dst := bsoncore.AppendDocumentElementStart(r.out, "authInfo")
	dst = bsoncore.BuildArrayElement(dst, "authenticatedUsers")
	dst = bsoncore.BuildArrayElement(dst, "authenticatedUserRoles")
	r.out = bsonval.End(dst, idx)
	return nil
}
