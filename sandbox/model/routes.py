"""Mounts the demo model into the sandbox's application."""

from __future__ import annotations

import os

from aiohttp import web

from sandbox.model.anthropic_routes import AnthropicRoutes
from sandbox.model.control_routes import ControlRoutes
from sandbox.model.engine import Engine
from sandbox.model.openai_routes import OpenAIRoutes
from sandbox.model.settings import ModelSettings

ENGINE: web.AppKey[Engine] = web.AppKey("demo_model_engine", Engine)


def add_routes(app: web.Application, *, engine: Engine | None = None) -> None:
    """Mounts the provider under `/v1/` and its control under `/model/api/` (which the application has to guard)."""
    engine = engine or Engine(ModelSettings.from_environment(os.environ))
    app[ENGINE] = engine
    OpenAIRoutes(engine).add_to(app)
    AnthropicRoutes(engine).add_to(app)
    ControlRoutes(engine).add_to(app)
