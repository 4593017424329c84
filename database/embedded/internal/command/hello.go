package command

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/kubeorch/core/database/embedded/internal/storage"
	"github.com/kubeorch/core/database/embedded/internal/wire"
)

const (
	maxWriteBatch = 100_000
	// wireVersion is that of MongoDB 7.0, whose behaviour is followed.
	wireVersion = 21
)

// hello presents the store as a standalone server without sessions, so that
// drivers try neither transactions nor retries. What a driver tells about
// itself has no influence.
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

func ping(_ context.Context, r *request) error { return r.options(noOptions) }
