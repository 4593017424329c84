// Package stream is the event bus behind server-sent events.
package stream
