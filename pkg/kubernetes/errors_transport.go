package kubernetes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/kubeorch/core/pkg/egress"
)

// fromTransport translates failures below HTTP. It never uses their texts, which
// hold URLs and whatever the server has sent.
func fromTransport(err error) *Error {
	if e := fromTLS(err); e != nil {
		return e
	}
	if refused, ok := errors.AsType[*egress.RefusedError](err); ok {
		return &Error{Reason: NotAllowed, Message: refused.Error(), Err: err}
	}
	if e := fromDial(err); e != nil {
		return e
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), isTimeout(err):
		return &Error{Reason: Timeout, Message: "the cluster did not answer in time", Err: err}
	case isBroken(err):
		return &Error{Reason: Unreachable, Message: "the connection to the cluster broke off", Err: err}
	}
	return &Error{Reason: Other, Message: "the cluster's answer could not be used", Err: err}
}

func fromTLS(err error) *Error {
	say := func(msg string) *Error { return &Error{Reason: TLS, Message: msg, Err: err} }
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return say("the server's certificate is signed by an unknown authority: give the cluster's CA certificate")
	}
	if bad, ok := errors.AsType[x509.HostnameError](err); ok {
		return say("the server's certificate is not valid for the host " + clean(bad.Host))
	}
	if bad, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if bad.Reason == x509.Expired {
			return say("the server's certificate has expired or is not valid yet")
		}
		return say("the server's certificate is not valid")
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || strings.Contains(err.Error(), "server gave HTTP response to HTTPS client") {
		return say("the server does not speak TLS on this port")
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok || strings.Contains(err.Error(), "remote error: tls:") {
		return say("the server refused the secure connection: is the client certificate right?")
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return say("the server's certificate could not be verified")
	}
	return nil
}

func fromDial(err error) *Error {
	say := func(msg string) *Error { return &Error{Reason: Unreachable, Message: msg, Err: err} }
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return say("the host " + clean(dns.Name) + " cannot be resolved")
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return say("the server refuses connections: is the API server running at this address?")
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return say("there is no network route to the server")
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" && op.Timeout() {
		return say("the server does not answer at this address")
	}
	return nil
}

func isTimeout(err error) bool {
	t, ok := errors.AsType[net.Error](err)
	return ok && t.Timeout()
}

// isBroken reports whether the connection broke. It knows errors of HTTP/2 by
// their texts, since their types are private to net/http.
func isBroken(err error) bool {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed) {
		return true
	}
	text := err.Error()
	return strings.Contains(text, "http2: ") || strings.Contains(text, "stream error: stream ID") || strings.Contains(text, "server closed idle connection") ||
		strings.Contains(text, "GOAWAY")
}
