"""Settings written down in Discord, and brought back from there."""
