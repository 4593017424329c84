// Package account holds who people are: accounts, passwords, logging in through
// providers, sessions, API tokens, invites, and what administrators do with
// accounts.
package account
