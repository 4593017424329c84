package docs_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = ".."

var (
	fence   = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	span    = regexp.MustCompile("`[^`\n]+`")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.+)$`)
)

// pages returns the text of all Markdown files of the repository by their path,
// without their blocks of code.
func pages(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	require.NoError(t, filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && file != root && (strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"bin", "data"}, d.Name())) {
			return filepath.SkipDir
		}
		if path.Ext(file) == ".md" {
			text, err := os.ReadFile(file)
			texts[file] = fence.ReplaceAllString(string(text), "")
			return err
		}
		return nil
	}))
	require.NotEmpty(t, texts)
	return texts
}

// Links within the repository lead to files and headings that exist.
func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	all := pages(t)
	for page, text := range all {
		for _, m := range link.FindAllStringSubmatch(span.ReplaceAllString(text, ""), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			target := page
			if file != "" {
				target = filepath.Join(filepath.Dir(page), file)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s, which does not exist", page, m[1])
			} else if anchor != "" && !slices.Contains(anchors(all[target]), anchor) {
				t.Errorf("%s links to %s, which has no such heading", page, m[1])
			}
		}
	}
}

// anchors returns the names that GitHub gives to the headings of a page.
func anchors(text string) (names []string) {
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		name := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}

var (
	slashed = regexp.MustCompile(`^[\w-]+(/[\w.*-]+)+/?$`)
	goFile  = regexp.MustCompile(`^[\w*]+\.go$`)
)

// Code spans of the pages about the code that look like paths are written from
// the root of the repository and name what exists; * stands for any text.
func TestPathsInPagesExist(t *testing.T) {
	t.Parallel()
	for page, text := range pages(t) {
		if !strings.HasPrefix(page, "../docs/decisions/") && page != "../docs/architecture.md" && page != "../CONTRIBUTING.md" {
			continue
		}
		for _, s := range span.FindAllString(text, -1) {
			name := strings.Trim(s, "`")
			if !slashed.MatchString(name) && !goFile.MatchString(name) || strings.HasPrefix(name, "bin/") {
				continue
			}
			found, err := filepath.Glob(filepath.Join(root, name))
			require.NoError(t, err)
			if len(found) == 0 {
				t.Errorf("%s names %s, which does not exist", page, name)
			}
		}
	}
}

var serviceRow = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| .+ \\| `services/\\w+/\\w+\\.go` \\| (.*)\\|$")

// The table of services in architecture.md has a row for each package and says
// which other packages of services it imports.
func TestTableOfServices(t *testing.T) {
	t.Parallel()
	drawn := map[string][]string{}
	for _, m := range serviceRow.FindAllStringSubmatch(pages(t)["../docs/architecture.md"], -1) {
		drawn[m[1]] = []string{}
		for _, s := range span.FindAllString(m[2], -1) {
			drawn[m[1]] = append(drawn[m[1]], strings.Trim(s, "`"))
		}
	}
	files, err := filepath.Glob(filepath.Join(root, "services/*/*.go"))
	require.NoError(t, err)
	uses := map[string]map[string]bool{}
	for _, file := range files {
		pkg := filepath.Base(filepath.Dir(file))
		if strings.HasSuffix(file, "_test.go") || strings.HasSuffix(pkg, "test") {
			continue
		}
		if uses[pkg] == nil {
			uses[pkg] = map[string]bool{}
		}
		source, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, i := range source.Imports {
			if used, ok := strings.CutPrefix(strings.Trim(i.Path.Value, `"`), "github.com/kubeorch/core/services/"); ok {
				uses[pkg][used] = true
			}
		}
	}
	are := map[string][]string{}
	for pkg, used := range uses {
		are[pkg] = append([]string{}, slices.Sorted(maps.Keys(used))...)
	}
	require.Equal(t, are, drawn)
}
