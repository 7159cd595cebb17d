"""Configuration: pydantic models read from guildhall.yaml and the environment, reloaded while running."""

from pydantic import SecretStr as Secret

from chassis.settings.live import Live
from chassis.settings.section import AtStart, Env, FromSection, Section

__all__ = ["AtStart", "Env", "FromSection", "Live", "Secret", "Section"]
