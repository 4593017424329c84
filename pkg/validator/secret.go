package validator

import corev1 "k8s.io/api/core/v1"

// SecretType checks the type of a secret, which has the form of a label key. Types
// that only the cluster itself creates are refused.
func SecretType(s string) string {
	if s == string(corev1.SecretTypeServiceAccountToken) {
		return "must not be a service account's token; clusters make those themselves"
	}
	return QualifiedName(s)
}

// SecretKeys returns the keys that a secret of the given type must have.
func SecretKeys(secretType string) []string {
	switch corev1.SecretType(secretType) {
	case corev1.SecretTypeTLS:
		return []string{corev1.TLSCertKey, corev1.TLSPrivateKeyKey}
	case corev1.SecretTypeDockerConfigJson:
		return []string{corev1.DockerConfigJsonKey}
	case corev1.SecretTypeDockercfg:
		return []string{corev1.DockerConfigKey}
	case corev1.SecretTypeSSHAuth:
		return []string{corev1.SSHAuthPrivateKey}
	}
	return nil
}
