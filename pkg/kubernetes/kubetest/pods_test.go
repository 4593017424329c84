package kubetest_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

const failAnnotation = "devcluster.kubeorch.io/fail"

// template returns the template of a pod that fails in the given way, or not at all.
func template(failure string) corev1.PodTemplateSpec {
	annotations := map[string]string{}
	if failure != "" {
		annotations[failAnnotation] = failure
	}
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}, Annotations: annotations},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "example.org/web:1"}}},
	}
}

func deploy(t *testing.T, c *kubetest.Cluster, namespace string, pods corev1.PodTemplateSpec, replicas int32) {
	t.Helper()
	_, err := c.Client().AppsV1().Deployments(namespace).Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: pods.Labels},
			Template: pods,
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

func deploymentReady(c *kubetest.Cluster, namespace string) func(context.Context) error {
	return func(ctx context.Context) error {
		d, err := c.Client().AppsV1().Deployments(namespace).Get(ctx, "web", metav1.GetOptions{})
		if err == nil && d.Status.ReadyReplicas < *d.Spec.Replicas {
			err = fmt.Errorf("%d of %d pods are ready", d.Status.ReadyReplicas, *d.Spec.Replicas)
		}
		return err
	}
}

func onlyPod(ctx context.Context, c *kubetest.Cluster, namespace string) (corev1.Pod, error) {
	pods, err := c.Client().CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return corev1.Pod{}, err
	}
	if len(pods.Items) == 0 {
		return corev1.Pod{}, fmt.Errorf("no pod in %s", namespace)
	}
	return pods.Items[0], nil
}

func TestDeploymentBecomesReadyAndServesLogsAndExec(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	namespace := c.Namespace(t)
	deploy(t, c, namespace, template(""), 2)
	kubetest.Eventually(t, "a ready deployment", deploymentReady(c, namespace))
	pod, err := onlyPod(t.Context(), c, namespace)
	require.NoError(t, err)

	logs, err := c.Client().CoreV1().Pods(namespace).GetLogs(pod.Name, &corev1.PodLogOptions{}).Do(t.Context()).Raw()
	require.NoError(t, err)
	require.Contains(t, string(logs), "line 1\n")

	out, err := run(t, c, pod, "hello", "/bin/sh", "-c", "echo said $0; cat; exit 3", "this")
	require.ErrorContains(t, err, "exit code 3")
	require.Equal(t, "said this\nhello", out)
}

// run executes a command in pod and returns what it prints.
func run(t *testing.T, c *kubetest.Cluster, pod corev1.Pod, input string, command ...string) (string, error) {
	t.Helper()
	request := c.Client().CoreV1().RESTClient().Post().
		Namespace(pod.Namespace).Resource("pods").Name(pod.Name).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Command: command, Stdin: true, Stdout: true, Stderr: true}, scheme.ParameterCodec)
	executor, err := remotecommand.NewWebSocketExecutor(c.RESTConfig(), "GET", request.URL().String())
	require.NoError(t, err)
	var out, errOut bytes.Buffer
	err = executor.StreamWithContext(t.Context(), remotecommand.StreamOptions{
		Stdin: strings.NewReader(input), Stdout: &out, Stderr: &errOut,
	})
	return out.String(), err
}

func TestPodsFailAsTheirAnnotationSays(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	waiting := func(reason string) func(corev1.ContainerStatus) bool {
		return func(s corev1.ContainerStatus) bool { return s.State.Waiting != nil && s.State.Waiting.Reason == reason }
	}
	tests := map[string]func(corev1.ContainerStatus) bool{
		"image-pull": func(s corev1.ContainerStatus) bool {
			return waiting("ImagePullBackOff")(s) && strings.Contains(s.State.Waiting.Message, "example.org/web:1")
		},
		"crash-loop": func(s corev1.ContainerStatus) bool {
			return waiting("CrashLoopBackOff")(s) && s.RestartCount > 0 && s.LastTerminationState.Terminated.ExitCode == 1
		},
		"oom": func(s corev1.ContainerStatus) bool {
			return s.State.Terminated != nil && s.State.Terminated.Reason == "OOMKilled"
		},
		"pending": waiting("ContainerCreating"),
	}
	for failure, shows := range tests {
		t.Run(failure, func(t *testing.T) {
			t.Parallel()
			namespace := c.Namespace(t)
			deploy(t, c, namespace, template(failure), 1)
			kubetest.Eventually(t, "the failure", func(ctx context.Context) error {
				pod, err := onlyPod(ctx, c, namespace)
				if err != nil {
					return err
				}
				if len(pod.Status.ContainerStatuses) != 1 || !shows(pod.Status.ContainerStatuses[0]) {
					return fmt.Errorf("status is %v", pod.Status.ContainerStatuses)
				}
				return nil
			})
		})
	}
}

func TestJobsCompleteOrFail(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	for failure, want := range map[string]batchv1.JobConditionType{"": batchv1.JobComplete, "job-fail": batchv1.JobFailed} {
		t.Run(string(want), func(t *testing.T) {
			t.Parallel()
			namespace := c.Namespace(t)
			pods := template(failure)
			pods.Spec.RestartPolicy = corev1.RestartPolicyNever
			jobs := c.Client().BatchV1().Jobs(namespace)
			_, err := jobs.Create(t.Context(), &batchv1.Job{
				ObjectMeta: metav1.ObjectMeta{Name: "job"},
				Spec:       batchv1.JobSpec{BackoffLimit: new(int32), Template: pods},
			}, metav1.CreateOptions{})
			require.NoError(t, err)
			kubetest.Eventually(t, "the end of the job", func(ctx context.Context) error {
				job, err := jobs.Get(ctx, "job", metav1.GetOptions{})
				if err != nil {
					return err
				}
				for _, condition := range job.Status.Conditions {
					if condition.Type == want && condition.Status == corev1.ConditionTrue {
						return nil
					}
				}
				return fmt.Errorf("conditions are %v", job.Status.Conditions)
			})
		})
	}
}

func TestPodThatFitsNowhereIsUnschedulable(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	namespace := c.Namespace(t)
	pods := template("")
	pods.Spec.NodeSelector = map[string]string{"no": "such"}
	deploy(t, c, namespace, pods, 1)
	kubetest.Eventually(t, "the scheduler's verdict", func(ctx context.Context) error {
		pod, err := onlyPod(ctx, c, namespace)
		if err != nil {
			return err
		}
		for _, condition := range pod.Status.Conditions {
			if condition.Type == corev1.PodScheduled && condition.Reason == corev1.PodReasonUnschedulable {
				return nil
			}
		}
		return fmt.Errorf("conditions are %v", pod.Status.Conditions)
	})
}
