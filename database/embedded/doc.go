// Package embedded is a small document database inside the process. It speaks
// the MongoDB wire protocol to the official driver over connections in memory
// and listens on nothing.
//
// # What may be relied on
//
// A write that was acknowledged is on disk and survives kill -9 and power loss.
// All effects of one command become durable together or not at all. Commands
// that write run one after the other, so a conditional update or findAndModify
// is atomic. Reads see the last commit; a cursor sees, batch by batch, what is
// committed when it reads. One process at a time can open a directory.
//
// # Commands
//
// hello, isMaster, ping, buildInfo, connectionStatus, endSessions; insert, find,
// getMore, killCursors, update, delete, findAndModify, count, distinct,
// aggregate; createIndexes, listIndexes, dropIndexes, create, drop,
// dropDatabase, listCollections, listDatabases.
//
// # Queries
//
// Equality, $eq $ne $gt $gte $lt $lte $in $nin $exists $type $and $or $nor $not
// $all $size $elemMatch $mod and $regex with the options i, m and s, on dotted
// paths, through arrays and to positions in them, as MongoDB compares types.
// Regular expressions are Go's (RE2): no look-around, no back references.
// Projections include or exclude fields.
//
// # Updates
//
// $set $unset $setOnInsert $inc $mul $min $max $rename $currentDate $push (with
// $each, $position, $slice, $sort) $addToSet $pull $pullAll $pop, whole
// replacements, upserts, and the positions $, $[] and $[identifier].
// An update of many documents that fails at one of them changes none.
//
// # Aggregation
//
// $match $sort $skip $limit $project (inclusion, exclusion) $count and $group
// with $sum, $min, $max and $first over fields and constants.
//
// # Indexes
//
// Ascending and descending, compound, unique, sparse, partial, multikey, and
// TTL. They serve equality, $in, ranges, prefixes and sorting. A query that
// reads a whole collection says so in the debug log. An index entry may be
// 32 KB long. Without a sort, documents come in the order of the index that was
// used or of _id, not in the order of insertion.
//
// # Refused, with MongoDB's error codes
//
// Everything else, by name: transactions and retryable writes, change streams,
// collations, views, capped collections, users, updates by pipeline, computed
// projections, other aggregation stages and expressions, text, geo, hashed and
// wildcard indexes, index paths with array positions, arithmetic on Decimal128,
// documents above 16 MiB or nested deeper than 180 levels. Hints are accepted
// and have no effect.
package embedded
