// Package workflow holds the stored graphs and their versions.
package workflow
