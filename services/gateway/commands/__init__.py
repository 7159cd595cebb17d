"""The commands, one module for each group. A module's `register(registry)` is found and called at start."""
