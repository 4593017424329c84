package repositories

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/kubeorch/core/database"
)

// Codes stores values for random codes, each of which can be taken once. Only
// hashes of the codes are stored. It is safe for concurrent use.
type Codes struct{ coll *mongo.Collection }

// NewCodes returns the codes of db.
func NewCodes(db *mongo.Database) *Codes { return &Codes{db.Collection(database.Codes)} }

// codeDocument is the value of a code.
type codeDocument struct {
	ID        string    `bson:"_id"`
	ExpiresAt time.Time `bson:"expires_at"`
	Value     any       `bson:"value"`
}

// Put stores value, a struct with bson tags, until expires. Take with the same
// code and purpose returns it. code must be unguessable.
func (r *Codes) Put(ctx context.Context, purpose, code string, value any, expires time.Time) error {
	_, err := r.coll.InsertOne(ctx, codeDocument{codeID(purpose, code), expires, value})
	return translate("repositories.Codes.Put", "code", err)
}

// Take decodes the value of code into value, a pointer, and deletes it. A code
// that is unknown, taken, expired or for another purpose is NotFound. Of
// concurrent calls, one gets the value.
func (r *Codes) Take(ctx context.Context, purpose, code string, now time.Time, value any) error {
	const op = "repositories.Codes.Take"
	var doc struct {
		ExpiresAt time.Time     `bson:"expires_at"`
		Value     bson.RawValue `bson:"value"`
	}
	err := r.coll.FindOneAndDelete(ctx, byID(codeID(purpose, code))).Decode(&doc)
	if err == nil && !now.Before(doc.ExpiresAt) {
		err = mongo.ErrNoDocuments
	}
	if err == nil {
		err = doc.Value.Unmarshal(value)
	}
	return translate(op, "code", err)
}

func codeID(purpose, code string) string {
	sum := sha256.Sum256([]byte(code))
	return purpose + ":" + hex.EncodeToString(sum[:])
}
