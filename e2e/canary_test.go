package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
)

// canary is a secret that was given to the server and may be found nowhere.
type canary struct{ name, value string }

// shapes returns the forms in which a secret could be found.
func (c canary) shapes() [][]byte {
	v := []byte(c.value)
	found := [][]byte{v, []byte(hex.EncodeToString(v))}
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for offset := range 3 {
			// Where a text stands decides how it is encoded; its ends also
			// depend on what is around it.
			text := enc.EncodeToString(append(make([]byte, offset), v...))
			found = append(found, []byte(text[4:len(text)-4]))
		}
	}
	return found
}

func (c canary) in(data []byte) bool {
	for _, shape := range c.shapes() {
		if bytes.Contains(data, shape) {
			return true
		}
	}
	return false
}

func TestSecretsStayWhereTheyBelong(t *testing.T) {
	t.Parallel()
	cluster, dir := shared.Cluster(t), dataDir(t)
	namespace := cluster.Namespace(t)
	r := startIn(t, dir)
	ann := r.ann()
	var said strings.Builder // all answers
	tell := func(method, path, body string, header ...string) answer {
		res := r.call(t, method, api+path, ann.token, body, header...)
		said.WriteString(res.text)
		return res
	}
	canaries := []canary{
		{"password", "canary-password-7Qz"}, {"new password", "canary-replaced-8Wx"},
		{"typed secret", "canary-typed-secret-value"}, {"typed variable", "canary-typed-variable-value"},
		{"unlisted value", "canary-typed-for-no-node"}, {"refused value", "canary-that-is-no-docker-config"},
		{"wrong token", "canary-token-that-is-wrong"}, {"query token", "canary-token-in-the-query"},
		{"token", cluster.Token()}, {"key in kubeconfig", keyOf(t, cluster.Kubeconfig())},
		{"malformed", "canary-in-a-malformed-body"}, {"exec token", "canary-exec-token-environment"},
	}
	value := map[string]string{}
	for _, c := range canaries {
		value[c.name] = c.value
	}

	password := `"` + value["password"] + `"`
	code := ann.inviteCode(t)
	require.Equal(t, 201, tell("POST", "/auth/register", `{"name":"Cat","email":"cat@example.org","password":`+password+`,"inviteCode":"`+code+`"}`).StatusCode)
	login := r.call(t, "POST", api+"/auth/login", "", `{"email":"cat@example.org","password":`+password+`}`)
	cat, _ := login.json(t)["token"].(string)
	canaries = append(canaries, canary{"session", cat[strings.LastIndex(cat, ".")+1:]})
	tell("POST", "/auth/login", `{"email":`+password+`,"password":"wrong-1"}`) // typed into the wrong field
	tell("POST", "/auth/login", `{"email":"cat@example.org","password":"`+value["new password"]+`"}`)
	changed := r.call(t, "PUT", api+"/profile/password", cat, `{"currentPassword":`+password+`,"newPassword":"`+value["new password"]+`"}`)
	require.Equal(t, 200, changed.StatusCode, changed.text)
	tell("GET", "/profile?token="+value["query token"], "")
	tell("GET", "/profile", "", "Authorization", "Bearer "+value["query token"])

	add := func(name, kind string, credentials object) answer {
		return tell("POST", "/clusters", encoded(t, object{"name": name, "server": cluster.Server(), "authType": kind, "credentials": credentials}))
	}
	require.Equal(t, 201, add(dev, "token", object{"token": cluster.Token(), "caData": string(cluster.CA())}).StatusCode)
	require.Equal(t, 201, add("file", "kubeconfig", object{"kubeconfig": string(cluster.Kubeconfig())}).StatusCode)
	require.Equal(t, 201, add("wrong", "token", object{"token": value["wrong token"], "caData": string(cluster.CA())}).StatusCode)
	add("Bad Name", value["malformed"], object{"token": value["wrong token"]})
	exec := strings.Replace(string(cluster.Kubeconfig()), "user:\n", "user:\n    exec: {command: "+value["exec token"]+"}\n", 1)
	require.Equal(t, 400, add("exec", "kubeconfig", object{"kubeconfig": exec}).StatusCode)
	add("garbage", "kubeconfig", object{"kubeconfig": "{" + value["malformed"]})
	tell("PUT", "/clusters/wrong/credentials", `{"credentials":{"token":"`+value["wrong token"]+`2"}}`)
	tell("POST", "/clusters", `{"credentials":{"token":"`+value["malformed"])
	tell("POST", "/clusters", `{"credentials":"`+value["malformed"]+`"}`)
	for _, path := range []string{"/clusters/wrong/test", "/clusters/file/test", "/clusters/dev/refresh"} {
		tell("POST", path, "")
	}
	tell("GET", "/clusters", "")

	id := ann.draw(t, []object{
		node("s", "secret", namespace, "s", "keys", []object{{"name": "PASS"}}),
		node("pull", "secret", namespace, "pull", "secretType", "kubernetes.io/dockerconfigjson", "keys", []object{{"name": ".dockerconfigjson"}}),
		node("web", "deployment", namespace, "web", "image", "nginx", "envKeys", []object{{"name": "TOKEN"}}),
	}, edges("s>web"))
	watched := ann.streamStatus(t, id)
	typed := object{
		"secrets": object{
			"s": object{"PASS": value["typed secret"], "OTHER": value["unlisted value"]}, "nobody": object{"K": value["unlisted value"]},
			"pull": object{".dockerconfigjson": value["refused value"]},
		},
		"envVars": object{"web": object{"TOKEN": value["typed variable"]}, "s": object{"X": value["unlisted value"]}},
	}
	res := tell("POST", "/workflows/"+id+"/run", encoded(t, object{"trigger_data": typed}))
	require.Equal(t, 500, res.StatusCode, "the cluster refuses what is no configuration of a registry: %s", res.text)
	watched.untilStates(t, map[string]string{"s": "created", "pull": "error", "web": "healthy"})
	tell("POST", "/workflows/"+id+"/run", `{"trigger_data":{"secrets":{"s":"`+value["malformed"]+`"}}}`)
	tell("POST", "/workflows/"+id+"/run", `{"trigger_data":{"secrets":{"s":{"PASS":["`+value["malformed"]+`"]}}}}`)
	for _, path := range []string{"", "/runs", "/versions", "/versions/1"} {
		tell("GET", "/workflows/"+id+path, "")
	}
	said.WriteString(r.call(t, "GET", "/metrics", "", "").text)
	stored, err := cluster.Client().CoreV1().Secrets(namespace).Get(t.Context(), "web-env", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, value["typed variable"], string(stored.Data["TOKEN"]))

	places := map[string][]byte{"an answer": []byte(said.String())}
	watched.mu.Lock()
	for _, ev := range watched.events {
		places["the stream"] = append(places["the stream"], ev.data...)
	}
	watched.mu.Unlock()
	foundNowhere(t, r, dir, "cat@example.org", canaries, places)
}

// foundNowhere stops the server and requires that no canary is in its log, its
// files or the other places. known is something that the files do hold.
func foundNowhere(t *testing.T, r *server, dir, known string, canaries []canary, places map[string][]byte) {
	t.Helper()
	r.stop(t)
	places["the log"] = []byte(r.log.String())
	require.Contains(t, r.log.String(), "level=DEBUG")
	files := readAll(t, dir)
	require.True(t, bytes.Contains(bytes.Join(slices.Collect(maps.Values(files)), nil), []byte(known)), "the data is there to be searched")
	for _, c := range canaries {
		require.NotEmpty(t, c.value, c.name)
		for name, data := range files {
			require.False(t, c.in(data), "%s is in the file %s", c.name, name)
		}
		for name, data := range places {
			require.False(t, c.in(data), "%s is in %s", c.name, name)
		}
	}
}

// keyOf returns a line of the private key that a kubeconfig holds.
func keyOf(t *testing.T, kubeconfig []byte) string {
	t.Helper()
	cfg, err := clientcmd.Load(kubeconfig)
	require.NoError(t, err)
	for _, user := range cfg.AuthInfos {
		lines := strings.Split(string(user.ClientKeyData), "\n")
		require.Greater(t, len(lines[1]), 40)
		return lines[1]
	}
	require.Fail(t, "no user in the kubeconfig")
	return ""
}
