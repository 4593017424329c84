// Package cluster holds the clusters that people register: access and shares,
// health checks, and the log of each cluster.
package cluster
