// Package services holds the business rules: what people may do with accounts,
// clusters and workflows, and the work that goes on in the background.
package services
