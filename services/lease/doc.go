// Package lease divides what must happen once among the servers of one database.
//
// Each server has a session: a record that it renews with a heartbeat. A lease
// belongs to a session and needs no renewal of its own. All times are measured on
// the monotonic clock of the server that measures: a holder counts from before its
// heartbeat was sent, and everybody else from when they saw the heartbeat, and
// longer. So the work under a lease ends before another server can take the lease,
// whatever the clocks on the walls say. A process that was frozen finds its session
// over when it goes on; what it writes then carries a fencing number that is too
// small, or names a session that is over.
package lease
