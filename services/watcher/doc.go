// Package watcher watches what workflows made in their clusters and keeps the
// status of each node.
package watcher
