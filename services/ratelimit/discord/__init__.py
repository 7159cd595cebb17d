"""Discord's own limits: REST buckets learned from its answers, the budget of invalid requests, and IDENTIFY."""
