// Package diagnostics looks in clusters for what is wrong with drawn nodes, and offers
// fixes. What the facts mean is decided in package findings.
package diagnostics
