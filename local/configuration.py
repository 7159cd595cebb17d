"""Checks guildhall.yaml and the environment for all services at once, before any is started."""

from __future__ import annotations

from collections.abc import Mapping

from chassis.settings.loading import load_all
from chassis.settings.problems import ConfigurationError
from chassis.settings.section import Section
from local.problems import Problem
from services.board.settings import BoardSettings
from services.executor.settings import ExecutorSettings
from services.gateway.settings import GatewaySettings
from services.llm.settings import LlmSettings
from services.ratelimit.settings import RatelimitSettings

SETTINGS_TYPES: Mapping[str, type[Section]] = {
    "gateway": GatewaySettings,
    "llm": LlmSettings,
    "executor": ExecutorSettings,
    "ratelimit": RatelimitSettings,
    "board": BoardSettings,
}
"""The model of each service's section."""


def check_configuration(environment: Mapping[str, str]) -> None:
    """Raise Problem with every mistake there is."""
    try:
        load_all(SETTINGS_TYPES, environment)
    except ConfigurationError as error:
        raise Problem(error.report()) from error
