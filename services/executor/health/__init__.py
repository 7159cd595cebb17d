"""Watching the platform, and saying in guilds' log channels when a part of it goes away or comes back."""
