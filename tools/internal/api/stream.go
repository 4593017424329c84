package api

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
)

// Event is one server-sent event.
type Event struct {
	ID, Name string
	Data     json.RawMessage
}

// NodeUpdate is the data of a node_update event.
type NodeUpdate struct {
	Data struct {
		NodeID string         `json:"node_id"`
		Type   string         `json:"type"`
		Status map[string]any `json:"status"`
	} `json:"data"`
}

// maxEvent is larger than the event of the largest workflow.
const maxEvent = 32 << 20

// Stream reads a server-sent event stream and passes each event to got, until got
// returns false, ctx ends, or the server ends the stream. Only ctx bounds the time.
func (c *Client) Stream(ctx context.Context, path string, got func(Event) bool) error {
	streaming := &Client{Base: c.Base, Token: c.Token, http: &http.Client{}}
	res, err := streaming.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return statusError(res)
	}
	sc := bufio.NewScanner(res.Body)
	sc.Buffer(make([]byte, 0, 64<<10), maxEvent)
	var ev Event
	for sc.Scan() {
		field, value, _ := strings.Cut(sc.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "id":
			ev.ID = value
		case "event":
			ev.Name = value
		case "data":
			ev.Data = json.RawMessage(value)
		case "":
			if ev.Name != "" && !got(ev) {
				return nil
			}
			ev = Event{}
		}
	}
	return sc.Err()
}
