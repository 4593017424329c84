package routes

func system(h Handlers) []Route {
	return []Route{
		{Method: get, Path: "/healthz", Access: Public, Limit: Unlimited, Handle: h.Health.Live},
		{Method: head, Path: "/healthz", Access: Public, Limit: Unlimited, Handle: h.Health.Live},
		{Method: get, Path: "/readyz", Access: Public, Limit: Unlimited, Handle: h.Health.Ready},
		{Method: head, Path: "/readyz", Access: Public, Limit: Unlimited, Handle: h.Health.Ready},
		{Method: get, Path: "/metrics", Access: Public, Limit: Unlimited, Handle: h.Health.Metrics},
		{Method: get, Path: "/v1", Access: Public, Handle: h.Health.Welcome},
		{Method: head, Path: "/v1", Access: Public, Handle: h.Health.Welcome},
		{Method: get, Path: "/v1/api-docs", Access: Public, Handle: h.Docs.YAML},
		{Method: get, Path: "/v1/api-docs/json", Access: Public, Handle: h.Docs.JSON},
	}
}
