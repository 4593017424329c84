package replicaset

import (
	"net"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// MongoDB's codes for what the set answers by itself.
const (
	codeAuthenticationFailed    = 18
	codeNoReplicationEnabled    = 76
	codeTransactionTooOld       = 225
	codeNotWritablePrimary      = 10107
	codeNotPrimaryNoSecondaryOk = 13435
)

// retryable is the label of errors after which a driver tries a write again.
const retryable = "RetryableWriteError"

// conn is the connection of one client, with one of its own to the server.
type conn struct {
	set            *Set
	client, server net.Conn
	me             string // the member's address, as the client is told
	app            string // the client's application
}

// serve answers the client until one of the two connections ends.
func (c *conn) serve() {
	for {
		request, err := readMessage(c.client)
		if err != nil {
			return
		}
		answer, err := c.handle(request)
		if err != nil {
			return
		}
		if !request.wantsAnswer() {
			continue
		}
		if _, err := c.client.Write(answer.raw); err != nil {
			return
		}
	}
}

// handle returns the answer to a request, which is empty if none is wanted.
func (c *conn) handle(m message) (message, error) {
	name := m.command()
	if app, ok := m.body.Lookup("client", "application", "name").StringValueOK(); ok {
		c.app = app
	}
	c.set.count(c.app, name)
	switch name {
	case "hello", "isMaster", "ismaster":
		return c.hello(m)
	case "replSetStepDown":
		return c.own(m, c.stepDown(m))
	case "serverStatus":
		return c.own(m, bson.D{{Key: "apps", Value: c.set.Counts()}, {Key: "ok", Value: 1}})
	case "endSessions":
		return c.own(m, bson.D{{Key: "ok", Value: 1}})
	case "saslStart":
		return c.own(m, failure(codeAuthenticationFailed, "AuthenticationFailed", "Authentication failed."))
	}
	if refusal := c.refusal(m, name); refusal != nil {
		return c.own(m, refusal)
	}
	answer, err := c.pass(m)
	c.set.answering(name)
	return answer, err
}

// own answers by itself.
func (c *conn) own(m message, answer bson.D) (message, error) {
	doc, err := bson.Marshal(answer)
	return m.answer(doc), err
}

func failure(code int32, name, text string) bson.D {
	return bson.D{{Key: "ok", Value: 0}, {Key: "errmsg", Value: text}, {Key: "code", Value: code}, {Key: "codeName", Value: name}}
}

// hello adds to the server's greeting what makes it a member of a replica set.
func (c *conn) hello(m message) (message, error) {
	answer, err := c.ask(m)
	if err != nil || c.set.name == "" {
		return answer, err
	}
	primary := c.set.primary()
	facts := bson.D{
		{Key: "secondary", Value: !primary}, {Key: "setName", Value: c.set.name}, {Key: "setVersion", Value: 1},
		{Key: "hosts", Value: bson.A{c.me}}, {Key: "me", Value: c.me}, {Key: "logicalSessionTimeoutMinutes", Value: 30},
	}
	if primary {
		facts = append(facts, bson.E{Key: "primary", Value: c.me})
	}
	for _, field := range []string{"isWritablePrimary", "ismaster"} {
		if _, err := answer.body.LookupErr(field); err == nil {
			facts = append(facts, bson.E{Key: field, Value: primary})
		}
	}
	doc, err := set(answer.body, facts)
	return answer.with(doc), err
}

func (c *conn) stepDown(m message) bson.D {
	if c.set.name == "" {
		return failure(codeNoReplicationEnabled, "NoReplicationEnabled", "not running with a replica set")
	}
	seconds, _ := m.body.Lookup("replSetStepDown").AsInt64OK()
	c.set.stepDown(time.Duration(seconds)*time.Second, c.client)
	return bson.D{{Key: "ok", Value: 1}}
}

// refusal is what a secondary answers to commands for the primary, and nil for
// all others.
func (c *conn) refusal(m message, name string) bson.D {
	if c.set.primary() {
		return nil
	}
	switch name {
	case "insert", "update", "delete", "findAndModify", "createIndexes", "dropIndexes":
		refusal := failure(codeNotWritablePrimary, "NotWritablePrimary", "not primary")
		if _, err := m.body.LookupErr("txnNumber"); err == nil {
			refusal = append(refusal, bson.E{Key: "errorLabels", Value: bson.A{retryable}})
		}
		return refusal
	case "find", "count", "aggregate", "listIndexes", "listCollections", "getMore":
		mode, _ := m.body.Lookup("$readPreference", "mode").StringValueOK()
		if mode == "" || mode == "primary" {
			return failure(codeNotPrimaryNoSecondaryOk, "NotPrimaryNoSecondaryOk", "not primary and secondaryOk=false")
		}
	}
	return nil
}

// pass gives a command to the server, without what only replica sets know.
func (c *conn) pass(m message) (message, error) {
	if c.set.name == "" {
		return c.ask(m)
	}
	plain, err := m.without("lsid", "txnNumber", "$clusterTime")
	if err != nil {
		return message{}, err
	}
	number, write := m.body.Lookup("txnNumber").AsInt64OK()
	_, session, named := m.body.Lookup("lsid", "id").BinaryOK()
	if !write || !named {
		return c.ask(plain)
	}
	doc, err := c.set.retries.do(string(session), number, func() (bson.Raw, error) {
		answer, err := c.ask(plain)
		return answer.body, err
	})
	return m.answer(doc), err
}

// ask sends a request to the server and returns its answer.
func (c *conn) ask(m message) (message, error) {
	if _, err := c.server.Write(m.raw); err != nil || !m.wantsAnswer() {
		return message{}, err
	}
	return readMessage(c.server)
}
