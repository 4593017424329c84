package oauthtest

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Browser is one person's browser. It keeps cookies, fills in the provider's form,
// and follows redirects until a URL at which a test makes it stop, such as that of
// the web frontend.
type Browser struct {
	jar    http.CookieJar
	client *http.Client
	who    string
	stopAt []string
}

// NewBrowser returns a browser without cookies. hosts maps host names to the
// addresses of listeners, "host:port". The browser stops before every URL that
// begins with one of stopAt.
func NewBrowser(t testing.TB, hosts map[string]string, stopAt ...string) *Browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	dialer := net.Dialer{Timeout: 5 * time.Second}
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if at, ok := hosts[strings.TrimSuffix(addr, ":80")]; ok {
				addr = at
			}
			return dialer.DialContext(ctx, network, addr)
		},
	}
	client := &http.Client{
		Jar: jar, Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &Browser{jar: jar, client: client, stopAt: stopAt}
}

// As sets the person who uses the browser: an e-mail address that was added to the
// provider, or "" for a person who cancels the login.
func (b *Browser) As(email string) *Browser {
	b.who = email
	return b
}

// StopAt adds URLs before which the browser stops.
func (b *Browser) StopAt(prefixes ...string) { b.stopAt = append(b.stopAt, prefixes...) }

// Cookies returns the cookies that the browser sends to a URL.
func (b *Browser) Cookies(t testing.TB, at string) []*http.Cookie {
	t.Helper()
	u, err := url.Parse(at)
	require.NoError(t, err)
	return b.jar.Cookies(u)
}

//nolint:gochecknoglobals // never written
var hidden = regexp.MustCompile(`name="id" value="([^"]*)"`)

// Open opens a URL, logs in where it is asked to, and returns the URL before which
// it has stopped.
func (b *Browser) Open(t testing.TB, at string) *url.URL {
	t.Helper()
	method, form := http.MethodGet, url.Values(nil)
	for range 20 {
		for _, prefix := range b.stopAt {
			if strings.HasPrefix(at, prefix) {
				end, err := url.Parse(at)
				require.NoError(t, err)
				return end
			}
		}
		got := b.send(t, method, at, form)
		if got.next != "" {
			to, err := got.at.Parse(got.next)
			require.NoError(t, err)
			method, form, at = http.MethodGet, nil, to.String()
			continue
		}
		id := hidden.FindStringSubmatch(got.text)
		require.NotNil(t, id, "%s answered %d: %s", at, got.status, got.text)
		method, form = http.MethodPost, url.Values{"id": {id[1]}, "username": {b.who}, "password": {password}}
		at = got.at.Scheme + "://" + got.at.Host + got.at.Path
	}
	require.Fail(t, "redirected for ever", at)
	return nil
}

// page is a response whose body has been read.
type page struct {
	at     *url.URL
	status int
	next   string // where it redirects to
	text   string
}

func (b *Browser) send(t testing.TB, method, at string, form url.Values) page {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, at, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	req.Header.Set("Accept", "text/html,application/xhtml+xml")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := b.client.Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return page{res.Request.URL, res.StatusCode, res.Header.Get("Location"), string(body)}
}

// Resume returns a browser with the same cookies that stops before other URLs.
func (b *Browser) Resume(stopAt ...string) *Browser {
	next := *b
	next.stopAt = stopAt
	return &next
}
