// Package keys encrypts stored values again after the encryption key has changed.
package keys
