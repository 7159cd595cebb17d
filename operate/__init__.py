"""Upkeep of an installation that is done by hand, not by a service."""
