"""The demo model: a local provider that speaks the OpenAI and Anthropic wire formats.

It is no language model and says so. It reads the whole conversation, answers at a set pace, calls tools, fills JSON
schemas, draws pictures and can be told to fail in every way that a real provider fails, so that everything that is
built on models can be tried and tested with no account and no network.

`add_routes(app)` mounts the provider under `/v1/` and its control under `/model/api/`.
"""

from sandbox.model.routes import add_routes

__all__ = ["add_routes"]
