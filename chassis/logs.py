"""Structured logs: one JSON object a line, with the trace they belong to; secrets blotted out.

Everything goes through the standard library's loggers, ours by structlog and those of libraries as they are, so one
level per module governs both and can be changed while running.
"""

import logging
import re
import sys
from collections.abc import Iterable, Mapping
from typing import TextIO

import structlog
from opentelemetry import trace
from structlog.typing import EventDict, Processor, WrappedLogger

from chassis.settings.shared import Logging

BLOT = "[redacted]"
# Shorter values would blot out ordinary words.
_MIN_SECRET = 6
_SECRET_KEY = re.compile(r"(?i)^(.*_)?(token|secret|password|passwd|api_key|apikey|authorization|cookie|mac)$")
_PATTERNS = (
    re.compile(r"(?i)\b(bearer|bot|basic)\s+[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(r"\bsk-[A-Za-z0-9_-]{8,}"),
    re.compile(r"(?<=/webhooks/)(\d+)/[A-Za-z0-9._-]{16,}"),
    re.compile(r"(?<=/interactions/)(\d+)/[A-Za-z0-9._-]{16,}"),
    re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+(?=@)"),
)
# Libraries that say too much at "info".
_QUIET = {"httpx": "WARNING", "httpx2": "WARNING", "httpcore": "WARNING", "watchfiles": "WARNING", "disnake": "WARNING"}


class Redactor:
    """Blots secrets out of text: those that are known by value, and what looks like one."""

    def __init__(self) -> None:
        self._values: tuple[str, ...] = ()

    def learn(self, values: Iterable[str]) -> None:
        """Takes more secrets to heart; earlier ones stay, as they may still turn up."""
        known = {*self._values, *(value for value in values if len(value) >= _MIN_SECRET)}
        self._values = tuple(sorted(known, key=len, reverse=True))

    def clean(self, text: str) -> str:
        """The text without secrets."""
        for value in self._values:
            if value in text:
                text = text.replace(value, BLOT)
        for pattern in _PATTERNS:
            text = pattern.sub(lambda match: f"{match[1]} {BLOT}" if match.lastindex else BLOT, text)
        return text


redactor = Redactor()


def configure(service: str, settings: Logging, stream: TextIO | None = None) -> None:
    """Sends all logs of this process to `stream`, standard output by default."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
        _Service(service),
        _blot_keys,
        structlog.processors.StackInfoRenderer(),
    ]
    if settings.format == "json":
        rendering: list[Processor] = [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=str),
        ]
    else:
        # The renderer's own choice prints the local variables of each frame: prompts, keys, whatever there is.
        rendering = [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    formatter = _CleanFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
    )
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    logging.captureWarnings(True)
    apply_levels(settings)


_set_by_configuration: set[str] = set()


def apply_levels(settings: Logging) -> None:
    """Puts the levels of the configuration in force; a module that it names no longer falls back to its parent's."""
    logging.getLogger().setLevel(settings.level.upper())
    for module in _set_by_configuration - set(settings.levels):
        logging.getLogger(module).setLevel(logging.NOTSET)
    _set_by_configuration.clear()
    for module, level in {**_QUIET, **settings.levels}.items():
        logging.getLogger(module).setLevel(level.upper())
        _set_by_configuration.add(module)


def set_level(module: str, level: str) -> None:
    """Changes the level of one module and those below it, until the next reload; an empty name means all."""
    logging.getLogger(module or None).setLevel(level.upper())


def levels() -> Mapping[str, str]:
    """The levels that are set, by module; the root under the empty name."""
    found = {"": logging.getLevelName(logging.getLogger().level).lower()}
    for name, logger in sorted(logging.root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and logger.level:
            found[name] = logging.getLevelName(logger.level).lower()
    return found


class _Service:
    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["service"] = self._name
        return event


def _add_trace(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = format(context.trace_id, "032x")
        event["span_id"] = format(context.span_id, "016x")
    return event


def _blot_keys(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for key in event:
        if _SECRET_KEY.match(key):
            event[key] = BLOT
    return event


class _CleanFormatter(structlog.stdlib.ProcessorFormatter):
    """Cleans the finished line, so that exceptions and libraries' texts are cleaned too."""

    def format(self, record: logging.LogRecord) -> str:
        return redactor.clean(super().format(record))
