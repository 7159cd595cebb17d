"""Replies: a question from Discord, answered in its thread."""
