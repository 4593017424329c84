package kinds

// builtin lists the kinds under test.
func builtin(r renderer) []Kind {
	return []Kind{
		configMap{templated{TypeConfigMap, r}},
		secret{templated{TypeSecret, r}},
	}
}
