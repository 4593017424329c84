// Package resource keeps an inventory of the objects in all clusters and shows it to
// those who may see them.
//
// A Syncer watches the clusters that this server holds and stores what it sees: one
// record for each object, whoever looks. A Service reads the records.
package resource
