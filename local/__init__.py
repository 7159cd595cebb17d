"""Guildhall on one machine: everything behind `make run`.

The supervisor starts Redis, the sandbox and the five services as processes of their own, waits until each says that
it is healthy, starts again what dies, and stops all of it. It hands out addresses and secrets through the environment
and knows nothing else of what it starts.
"""
