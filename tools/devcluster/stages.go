package main

import (
	"bytes"
	"fmt"

	nodefast "sigs.k8s.io/kwok/kustomize/stage/node/fast"
	nodelease "sigs.k8s.io/kwok/kustomize/stage/node/heartbeat-with-lease"
	podfast "sigs.k8s.io/kwok/kustomize/stage/pod/fast"
	"sigs.k8s.io/yaml"
)

const kwokAPI = "kwok.x-k8s.io/v1alpha1"

// object is a YAML mapping.
type object = map[string]any

// writeKwokConfig writes kwok's stages of nodes, pods and greetings.
func writeKwokConfig(h home) error {
	objects := append(failureStages(), greetingStage())
	for _, text := range []string{nodefast.DefaultNodeInit, nodelease.DefaultNodeHeartbeatWithLease, podfast.DefaultPodDelete} {
		stage, err := readStage(text)
		if err != nil {
			return err
		}
		objects = append(objects, stage)
	}
	for _, text := range []string{podfast.DefaultPodReady, podfast.DefaultPodComplete} {
		stage, err := readStage(text, expression(failureOf, "DoesNotExist"))
		if err != nil {
			return err
		}
		objects = append(objects, stage)
	}
	var out bytes.Buffer
	for _, obj := range objects {
		data, err := yaml.Marshal(obj)
		if err != nil {
			return err
		}
		fmt.Fprintf(&out, "---\n%s", data)
	}
	return writePrivate(h.path("kwok.yaml"), out.Bytes())
}

// readStage parses one of kwok's own stages and narrows its selector.
func readStage(text string, also ...object) (object, error) {
	var stage struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Metadata   object `json:"metadata"`
		Spec       object `json:"spec"`
	}
	if err := yaml.Unmarshal([]byte(text), &stage); err != nil {
		return nil, fmt.Errorf("kwok's own stage: %w", err)
	}
	selector, ok := stage.Spec["selector"].(object)
	if !ok {
		return nil, fmt.Errorf("kwok's stage %v selects nothing", stage.Metadata["name"])
	}
	expressions, _ := selector["matchExpressions"].([]any)
	for _, e := range also {
		expressions = append(expressions, e)
	}
	selector["matchExpressions"] = expressions
	return object{"apiVersion": stage.APIVersion, "kind": stage.Kind, "metadata": stage.Metadata, "spec": stage.Spec}, nil
}

// expression selects objects by the result of a jq expression.
func expression(jq, operator string, values ...string) object {
	e := object{"key": jq, "operator": operator}
	if len(values) > 0 {
		e["values"] = values
	}
	return e
}

// greetingStage plays the operator of the example kind: it reports each generation
// of a Greeting as delivered.
func greetingStage() object {
	return object{"apiVersion": kwokAPI, "kind": "Stage", "metadata": object{"name": "greeting-delivered"}, "spec": object{
		"resourceRef": object{"apiGroup": "example.kubeorch.io/v1", "kind": "Greeting"},
		"selector": object{"matchExpressions": []object{
			expression(".metadata.deletionTimestamp", "DoesNotExist"),
			expression("select(.status.observedGeneration == .metadata.generation) | .kind", "DoesNotExist"),
		}},
		"steps": []object{{"patch": object{"subresource": "status", "root": "status", "type": "merge", "template": greetingStatus}}},
	}}
}

const greetingStatus = `
observedGeneration: {{ .metadata.generation }}
conditions:
- type: Ready
  status: "True"
  reason: Delivered
  message: the greeting has been delivered
  observedGeneration: {{ .metadata.generation }}
  lastTransitionTime: {{ Now | Quote }}
`
