package models

import "time"

// Server is the record of a running server, one of those that share a database.
// It exists as long as the server's session.
type Server struct {
	ID      string    `bson:"_id"` // of the session; a server that loses its session begins another one
	Name    string    `bson:"name"`
	Version string    `bson:"version"`
	Since   time.Time `bson:"since"`
	Beat    int64     `bson:"beat"`    // grows with each heartbeat
	BeatAt  time.Time `bson:"beat_at"` // by the clock of that server; for people
	Seen    []string  `bson:"seen"`    // the sessions that this server knows and shares its work and events with
	Leaving bool      `bson:"leaving"` // it stops and takes no work any more
	Secrets string    `bson:"secrets"` // fingerprint of the secret that signs sessions
}

// Heartbeat is what a server stores again and again.
type Heartbeat struct {
	At      time.Time
	Seen    []string
	Leaving bool
}

// LeaseRecord says which session holds a lease. A lease whose holder has no
// record among the servers is free, and so is one without a record.
type LeaseRecord struct {
	Name   string    `bson:"_id"`
	Holder string    `bson:"holder"`
	Fence  int64     `bson:"fence"` // greater than that of every lease taken before
	Since  time.Time `bson:"since"`
}

// ServerView is a server as administrators see it.
type ServerView struct {
	ID            string      `json:"id"`
	Name          string      `json:"name"`
	Version       string      `json:"version"`
	Since         time.Time   `json:"since"`
	LastHeartbeat time.Time   `json:"last_heartbeat"`
	Current       bool        `json:"current"` // the one that answers
	Holds         ServerHolds `json:"holds"`
}

// ServerHolds is what a server does that no other one does meanwhile.
type ServerHolds struct {
	Clusters []string `json:"clusters"` // ids of those that it watches and checks
	Runs     []string `json:"runs"`     // ids of those that it executes
	Tasks    []string `json:"tasks"`    // background work, such as "retention"
}
