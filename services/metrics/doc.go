// Package metrics reads the figures of clusters: nodes, pods, processors, memory,
// storage and the workloads of workflows.
package metrics
