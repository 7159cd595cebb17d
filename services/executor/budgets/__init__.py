"""Telling guilds' log channels when their budget for language models is used up to a threshold."""
