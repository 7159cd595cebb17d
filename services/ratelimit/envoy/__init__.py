"""Envoy's RateLimitService, so that any Envoy, Istio or Gloo can ask the same authority."""
