// Package cluster holds the clusters that people register: who may use them, with
// whom they are shared, whether they answer, and the log of what was done with
// them.
package cluster
