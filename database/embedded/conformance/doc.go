// Package conformance holds the tests of what the product asks of its database.
// They talk to it through the driver: always to the embedded store and, when
// TEST_MONGO_URI names a server, to that server instead. What both pass can be
// relied on with either.
package conformance
