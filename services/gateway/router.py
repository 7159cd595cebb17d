"""From an interaction to its handler, and from whatever goes wrong to an answer that says what to do.

Each interaction is the root of a trace. The handler runs for the person who acted: every call it makes carries them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from opentelemetry.context import Context as TraceContext
from opentelemetry.trace import SpanKind, Status, StatusCode

from chassis.caller import Person, acting_for
from chassis.errors import GuildhallError, Internal
from chassis.telemetry import current_trace_id, tracer
from chassis.telemetry.call_statistics import CallStatistics
from services.gateway import meters
from services.gateway.analytics.activity import Outcome
from services.gateway.analytics.recorder import ActivityRecorder, outcome_of
from services.gateway.callbacks import CallbackRefused, InteractionGone
from services.gateway.command import Handler
from services.gateway.context import Context, path_of
from services.gateway.events import Interaction, InteractionKind
from services.gateway.patience import Patience, patient
from services.gateway.registry import Registry
from views.catalogue import Catalogue
from views.custom_id import decode
from views.markdown import relative_time
from views.messages import message

_log = structlog.get_logger(__name__)

MakeContext = Callable[[Interaction], Context]


@dataclass(frozen=True, slots=True)
class Router:
    """Finds who handles an interaction and lets them."""

    registry: Registry
    make_context: MakeContext
    heard: Callable[[Person], None]
    """Is told whom Discord said which language of."""
    activity: ActivityRecorder
    calls: CallStatistics

    async def handle(self, interaction: Interaction) -> None:
        """Handles one interaction to its end. Never raises: what goes wrong is told to the person and logged."""
        name = name_of(interaction)
        timed = meters.Interaction(name, interaction.kind.name)
        with (
            timed,
            tracer().start_as_current_span(
                f"interaction {name}",
                context=TraceContext(),
                kind=SpanKind.SERVER,
                attributes={
                    "guildhall.interaction.id": str(interaction.interaction_id),
                    "guildhall.interaction.kind": interaction.kind.name,
                    "guildhall.guild.id": str(interaction.guild_id),
                },
            ) as span,
        ):
            self.heard(interaction.person)
            context = self.make_context(interaction)
            outcome = Outcome.ERROR
            try:
                with acting_for(context.person), patient(_patience(context)):
                    await self._handler(interaction)(context)
                outcome = Outcome.DENIED if context.denied else Outcome.DONE
            except InteractionGone:
                timed.failed("INTERACTION_GONE")
                span.set_status(Status(StatusCode.ERROR, "interaction gone"))
                _log.warning("interaction was gone before its answer", interaction=name)
            except CallbackRefused as error:
                timed.failed("CALLBACK_REFUSED")
                span.set_status(Status(StatusCode.ERROR, "callback refused"))
                _log.error("answer to an interaction refused", interaction=name, error=str(error))
            except GuildhallError as error:
                outcome = outcome_of(error)
                timed.failed(error.reason)
                span.set_attribute("guildhall.error.reason", error.reason)
                _log.info("interaction ended with an error", interaction=name, reason=error.reason)
                await self._tell(context, error, name)
            except Exception as error:  # noqa: BLE001 - whatever a handler does wrong, the person is told
                timed.failed("INTERNAL")
                span.record_exception(error)
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                _log.exception("interaction failed", interaction=name)
                await self._tell(context, Internal(str(error), reason="INTERNAL"), name)
            finally:
                self.calls.note(timed.elapsed, failed=outcome is Outcome.ERROR)
                if interaction.kind is InteractionKind.COMMAND and self.registry.route(path_of(interaction.data)):
                    self.activity.note(interaction.person, interaction.guild_id, name, outcome)

    def _handler(self, interaction: Interaction) -> Handler:
        kind, data = interaction.kind, interaction.data
        if kind is InteractionKind.COMMAND:
            route = self.registry.route(path_of(data))
            if route is None or route.command.handler is None:
                return _unknown
            return _gated(route.command.handler, route.feature)
        if kind is InteractionKind.AUTOCOMPLETE:
            return self._complete
        action = decode(data.get("custom_id", "")).action
        found = (
            self.registry.of_component(action) if kind is InteractionKind.COMPONENT else self.registry.of_modal(action)
        )
        if found is None:
            return _unknown
        # With a press in a direct message Discord says no roles; it came from what the person was let do in a guild.
        return found.handler if interaction.direct else _gated(found.handler, found.feature)

    async def _complete(self, context: Context) -> None:
        """Offers choices. An autocomplete that fails offers none: a person who types is not told of errors."""
        route = self.registry.route(context.path)
        name, typed = context.focused
        option = next((option for option in route.command.options if option.name == name), None) if route else None
        if option is None or option.autocomplete is None:
            await context.choose([])
            return
        try:
            choices = await option.autocomplete(context, typed)
        except GuildhallError as error:
            _log.info("autocomplete has nothing to offer", path=context.path, reason=error.reason)
            choices = []
        await context.choose(choices)

    async def _tell(self, context: Context, error: GuildhallError, name: str) -> None:
        if context.interaction.kind is InteractionKind.AUTOCOMPLETE:
            return
        try:
            await context.respond(message(error_text(context.texts, context.locale, error, context.clock.now())))
        except (InteractionGone, CallbackRefused) as failure:
            _log.warning("error not told", interaction=name, error=str(failure))


def error_text(texts: Catalogue, locale: str, error: GuildhallError, now: float) -> str:
    """What a person is told about an error: what to do, when, and under which trace its details stand."""
    key = f"error.{error.reason.lower()}"
    known = texts.has(key)
    lines = [texts.text(locale, key if known else "error.internal")]
    if error.retry_after:
        lines.append(texts.text(locale, "error.retry_after", when=relative_time(now + error.retry_after)))
    if not known and (trace_id := current_trace_id()):
        lines.append(texts.text(locale, "error.trace", trace_id=trace_id))
    return "\n".join(lines)


def name_of(interaction: Interaction) -> str:
    """An interaction's name in traces and logs: `/ask`, or the action of a component or modal."""
    if interaction.kind in (InteractionKind.COMMAND, InteractionKind.AUTOCOMPLETE):
        path = path_of(interaction.data)
        slash = "/" if interaction.data.get("type", 1) == 1 else ""
        return f"{slash}{path}" + (" (autocomplete)" if interaction.kind is InteractionKind.AUTOCOMPLETE else "")
    return decode(interaction.data.get("custom_id", "")).action


def _patience(context: Context) -> Patience | None:
    """How a use waits for services that are away; whoever types is offered nothing rather than something late."""
    if context.interaction.kind is InteractionKind.AUTOCOMPLETE:
        return None
    return Patience(context.clock, context.settings.current.deadlines, context.hold)


def _gated(handler: Handler, feature: str) -> Handler:
    async def gated(context: Context) -> None:
        context.require(feature)
        await handler(context)

    return gated


async def _unknown(context: Context) -> None:
    await context.respond(context.text("error.unknown_command"))
