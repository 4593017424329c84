// Package catalogue reads the resource templates and plugin definitions that
// nodes are drawn from.
package catalogue
