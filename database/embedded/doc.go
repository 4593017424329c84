// Package embedded is a small document database inside the process. It speaks
// the MongoDB wire protocol to the official driver over connections in memory,
// and listens on nothing unless Serve is given a listener.
//
// # What may be relied on
//
// A write that was acknowledged is on disk and survives kill -9 and power loss.
// All effects of one command become durable together or not at all. Commands
// that write run one after the other, so a conditional update or findAndModify
// is atomic. Reads see the last commit; a cursor sees, batch by batch, what is
// committed when it reads. One process at a time can open a directory.
//
// # What is supported
//
// Commands: hello, isMaster, ping, insert, update, delete, findAndModify, find,
// getMore, killCursors, count (of a whole collection), aggregate, createIndexes,
// listIndexes, dropIndexes (by name), listCollections. Collections are made when
// they are first written to.
//
// Values: double, string, document, array, binary, ObjectID, boolean, date,
// null, int32, int64.
//
// Queries: equality, $eq $ne $in $nin $exists $not $and $or $size $elemMatch,
// $gt $gte $lt $lte by numbers, strings, dates and ObjectIDs, and $regex by a
// literal text that may begin with ^, with the option i. Projections include or
// exclude fields.
//
// Updates: $set $unset $setOnInsert $inc $min $max $addToSet (with $each) $pull
// $push (with $each and $slice), whole replacements, upserts, and the positions
// $[] and $[identifier]. An update of many documents that fails at one of them
// changes none.
//
// Aggregation: $match, $skip and $limit in this order, then $group by a constant
// or a field, with $sum of integers.
//
// Indexes: ascending and descending, compound, unique, partial, multikey, and
// TTL. They serve equality, $in, ranges, prefixes and sorting. A query that
// reads a whole collection says so in the debug log. An index entry may be 32 KB
// long. Without a sort, documents come in the order of the index that was used
// or of _id, not in the order of insertion.
//
// # What is not
//
// Everything else is refused by its name, with MongoDB's error codes: nothing of
// a request is ignored. docs/embedded-store.md lists which test holds what.
package embedded
