// Package drift notices when somebody else changes what the runs of workflows made in
// their clusters, shows it, and undoes it where that is wanted.
package drift
