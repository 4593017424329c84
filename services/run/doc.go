// Package run executes workflows: it renders a graph, applies it to a cluster,
// removes what left the graph, and finishes runs whose process died.
package run
