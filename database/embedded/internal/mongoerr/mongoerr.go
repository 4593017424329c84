// Package mongoerr holds the failures that a client sees, with the codes and
// names that MongoDB gives them.
package mongoerr

import (
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// Code is a MongoDB error code.
type Code int32

// The codes the store answers with.
const (
	InternalError        Code = 1
	BadValue             Code = 2
	FailedToParse        Code = 9
	TypeMismatch         Code = 14
	Overflow             Code = 15
	InvalidLength        Code = 16
	IllegalOperation     Code = 20
	NamespaceNotFound    Code = 26
	IndexNotFound        Code = 27
	PathNotViable        Code = 28
	ConflictingOperators Code = 40
	CursorNotFound       Code = 43
	MaxTimeMSExpired     Code = 50
	DollarPrefixedField  Code = 52
	InvalidIDField       Code = 53
	NotSingleValueField  Code = 54
	EmptyFieldName       Code = 56
	CommandNotFound      Code = 59
	ImmutableField       Code = 66
	CannotCreateIndex    Code = 67
	InvalidOptions       Code = 72
	InvalidNamespace     Code = 73
	IndexOptionsConflict Code = 85
	IndexKeySpecConflict Code = 86
	ShutdownInProgress   Code = 91
	OperationFailed      Code = 96
	ParallelArrays       Code = 171
	InvalidIndexOption   Code = 197
	QueryPlanKilled      Code = 175
	QueryMemoryExceeded  Code = 292
	DataCorruption       Code = 364
	ObjectTooLarge       Code = 10334
	DuplicateKey         Code = 11000
	OutOfDiskSpace       Code = 14031
	KeyTooLong           Code = 17280
	PipelineStageCount   Code = 40323
	UnknownStage         Code = 40324
	DuplicateField       Code = 40413
	MissingField         Code = 40414
	UnknownField         Code = 40415
	NegativeNumber       Code = 51024
	BadRegex             Code = 51091
)

// Name is MongoDB's codeName for c. Codes without a name are called after their
// number, as MongoDB does.
func (c Code) Name() string {
	if name, ok := names()[c]; ok {
		return name
	}
	return fmt.Sprintf("Location%d", int32(c))
}

func names() map[Code]string {
	return map[Code]string{
		InternalError: "InternalError", BadValue: "BadValue", FailedToParse: "FailedToParse", TypeMismatch: "TypeMismatch",
		Overflow: "Overflow", InvalidLength: "InvalidLength", IllegalOperation: "IllegalOperation",
		NamespaceNotFound: "NamespaceNotFound", IndexNotFound: "IndexNotFound", PathNotViable: "PathNotViable",
		ConflictingOperators: "ConflictingUpdateOperators", CursorNotFound: "CursorNotFound", MaxTimeMSExpired: "MaxTimeMSExpired",
		DollarPrefixedField: "DollarPrefixedFieldName", InvalidIDField: "InvalidIdField", NotSingleValueField: "NotSingleValueField",
		EmptyFieldName: "EmptyFieldName", CommandNotFound: "CommandNotFound", ImmutableField: "ImmutableField",
		CannotCreateIndex: "CannotCreateIndex", InvalidOptions: "InvalidOptions", InvalidNamespace: "InvalidNamespace",
		IndexOptionsConflict: "IndexOptionsConflict", IndexKeySpecConflict: "IndexKeySpecsConflict",
		ShutdownInProgress: "ShutdownInProgress", OperationFailed: "OperationFailed", ParallelArrays: "CannotIndexParallelArrays",
		QueryPlanKilled: "QueryPlanKilled", InvalidIndexOption: "InvalidIndexSpecificationOption",
		QueryMemoryExceeded: "QueryExceededMemoryLimitNoDiskUseAllowed", DataCorruption: "DataCorruptionDetected",
		ObjectTooLarge: "BSONObjectTooLarge", DuplicateKey: "DuplicateKey", OutOfDiskSpace: "OutOfDiskSpace",
	}
}

// Error is a failure to be answered to the client. KeyPattern and KeyValue are
// set for duplicate keys only.
type Error struct {
	Code       Code
	Msg        string
	KeyPattern bsoncore.Document
	KeyValue   bsoncore.Document
}

func (e *Error) Error() string { return e.Msg }

// New returns an *Error with a formatted message.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Msg: fmt.Sprintf(format, args...)}
}

// As returns err as an *Error; one of another type becomes an InternalError.
func As(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: InternalError, Msg: err.Error()}
}
