// Package notification tells people what happened to their workflows and clusters
// while they were looking elsewhere.
package notification
