package models

// The types of the messages of a terminal.
const (
	TerminalInput  = "input"    // from the client: what was typed or pasted
	TerminalResize = "resize"   // from the client: Rows and Cols
	TerminalMeta   = "metadata" // the first message to the client; Data is the JSON of a TerminalMetadata
	TerminalOutput = "output"   // what the terminal prints
	TerminalError  = "error"    // what went wrong; TerminalClose follows
	TerminalClose  = "close"    // the last message, with the reason
)

// TerminalMessage is one message of a terminal in either direction.
type TerminalMessage struct {
	Type string `json:"type"`
	Data string `json:"data"`
	Rows int    `json:"rows,omitempty"`
	Cols int    `json:"cols,omitempty"`
}

// TerminalMetadata tells which container a terminal is in.
type TerminalMetadata struct {
	Pod       string `json:"pod"`
	Container string `json:"container"`
	Namespace string `json:"namespace"`
	Cluster   string `json:"cluster"`
}

// TerminalRequest is the query of GET /resources/:id/exec/terminal.
type TerminalRequest struct {
	Shell     string // one of an allow-list; empty: /bin/sh
	Container string // empty: the first one of the pod
	Debug     bool   // in an ephemeral container beside that one
	Image     string // of the ephemeral container; empty: the configured one
}
