// Package findings tells what is wrong with a drawn node from facts about its objects
// in the cluster. Everything here takes values and returns values: no I/O, no clock.
//
// A rule is one file with one function that returns a Rule, and a line in All.
package findings
