package models

import "time"

// The topics that concern streams of events. All others are between the services of
// the servers.
const (
	TopicEvent = "event" // an event of the stream Key
	TopicGap   = "gap"   // events of the stream Key were lost; with an empty Key, messages of any topic
)

// RelayEntry is one entry of the log that the servers of one database share: what
// one of them had to say to all at one time.
type RelayEntry struct {
	N        int64          `bson:"_id"`   // 1, 2, 3, … without holes
	Epoch    string         `bson:"epoch"` // of the log
	From     string         `bson:"from"`  // the process that appended it; random
	Batch    int64          `bson:"batch"` // with From, tells the entry from all others
	At       time.Time      `bson:"at"`    // for people who look into the database
	Messages []RelayMessage `bson:"messages"`
}

// RelayMessage is one message to all servers.
type RelayMessage struct {
	Topic string `bson:"topic"`
	Key   string `bson:"key"`             // whom or what it concerns, such as the key of a stream
	Event string `bson:"event,omitempty"` // the name of an event
	Data  []byte `bson:"data,omitempty"`
}

// Size is about how many bytes m takes in memory and in the log.
func (m RelayMessage) Size() int {
	const fields = 64
	return fields + len(m.Topic) + len(m.Key) + len(m.Event) + len(m.Data)
}

// Size is about how many bytes e takes in the log.
func (e RelayEntry) Size() int {
	size := 128
	for _, m := range e.Messages {
		size += m.Size()
	}
	return size
}
