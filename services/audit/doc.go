// Package audit keeps the audit trail: who did what, when, from where, and how it
// ended.
package audit
