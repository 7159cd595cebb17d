"""The tools for upkeep."""
