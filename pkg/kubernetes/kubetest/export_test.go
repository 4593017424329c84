package kubetest

// FindBinary is findBinary, for the tests.
func FindBinary() (string, error) { return findBinary() }
