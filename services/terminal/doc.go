// Package terminal gives people a shell in the containers of their clusters.
package terminal
