// Package stream is the event bus behind server-sent events.
//
// A server that is alone numbers the events of each stream itself and keeps them
// for the streams that are read. Of several servers on one database, each hands its
// events to a relay, which delivers those of all servers to all of them in one
// order (see Broadcaster.Attach). An event then has the same id everywhere, and
// every server keeps the recent events of all streams, so that a reader who comes
// from another server goes on where it was.
package stream
