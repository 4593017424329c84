// Package relay carries messages between the servers of one database, in one order
// that is the same for all.
//
// # The log
//
// Servers append entries of many messages to a log in the database and poll it. An
// entry has the number behind the last one that its server has processed, and the
// database refuses a number that is taken. So numbers have no holes, and whoever
// appends has seen all that was appended before; also a server that was frozen.
// Which server comes first in a race is left to the database; the others read what
// they have not seen and try again.
//
// An append whose outcome is unknown is tried again at the same number. If the first
// attempt did succeed, the second one is refused, and the entry is recognised as the
// server's own when it is read.
//
// # Alone and together
//
// A server that is alone relays nothing and does not touch the database. Relay.Alone
// turns false, and stays so, as soon as the session no longer vouches for it: what
// is published from then on is queued. Join, or Run if nobody calls it, then brings
// the server into the log, and only that makes events visible to other servers. The
// session therefore acknowledges a newcomer after Join has returned; a newcomer
// listens after it was acknowledged. Run leaves the log when the session has been
// alone for ten seconds.
//
// What a server published while it was alone is in no log. If there was anything, it
// appends a gap for all streams as it joins, so that nobody takes the log for
// complete. A fresh server loads the log instead, and can serve the readers of other
// servers from the start; it is also handed the messages of the last two minutes.
//
// # What is bounded
//
// Sending never blocks. The queue holds 8 MB; when it is full, and when the session
// is over under which an event was queued, events become gaps: the readers of their
// streams get a snapshot of the state that is stored, and never miss something in
// silence. Messages between services do not become old and stay in the queue.
// Entries are deleted when a server saw them two minutes ago, by its own monotonic
// clock, or when the log exceeds 32 MB. A server that was away for longer finds a
// hole, gives its readers snapshots, and tells its services by OnMissed.
//
// # How often the database is asked
//
// An append goes out at once, and the next one 20 ms later at the earliest; what
// comes in between shares it. The log is read every 500 ms while this server has no
// readers of streams, every 250 ms while it has some, and every 50 ms for five
// seconds after another server said something. A successful append shows that
// nothing is unread, and so takes the place of a read.
package relay
