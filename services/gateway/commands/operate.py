"""`/reload` and `/setup`: the configuration anew, and the first steps in a guild."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import grpc
import structlog
from guildhall.admin.v1 import admin_pb2, admin_pb2_grpc
from guildhall.settings.v1 import settings_pb2

from chassis.errors import InvalidArgument
from chassis.scoped import Place, Scope, ScopeKind
from chassis.tiers import role_grants
from services.gateway import announcements, asking, menu_drawing, menu_items
from services.gateway.command import MANAGE_GUILD, Choice, Command, Option, OptionKind
from services.gateway.context import Context
from services.gateway.guild_settings import LANGUAGES, ROLE_TIERS
from services.gateway.numbers.asking import SERVICES
from services.gateway.registry import Registry
from services.gateway.scoped_client import InForce, Plain, in_force, update
from views import components
from views.lists import within
from views.markdown import escaped
from views.messages import message

_log = structlog.get_logger(__name__)
_TEXT_CHANNEL, _FORUM = 0, 15
# What each option of `/setup` sets, and which service keeps it.
_SET_BY = (
    ("language", "gateway", "language"),
    ("log_channel", "executor", "log_channel"),
    ("board", "board", "board_index_channel"),
    ("forum", "board", "board_forum_channel"),
)

# What the bot needs to do everything it offers, by Discord's names: https://discord.com/developers/docs/topics/permissions
NEEDED = {
    "VIEW_CHANNEL": 1 << 10,
    "SEND_MESSAGES": 1 << 11,
    "MANAGE_MESSAGES": 1 << 13,
    "EMBED_LINKS": 1 << 14,
    "ATTACH_FILES": 1 << 15,
    "READ_MESSAGE_HISTORY": 1 << 16,
    "ADD_REACTIONS": 1 << 6,
    "PIN_MESSAGES": 1 << 51,
    "CREATE_PUBLIC_THREADS": 1 << 35,
    "CREATE_PRIVATE_THREADS": 1 << 36,
    "SEND_MESSAGES_IN_THREADS": 1 << 38,
    "MANAGE_THREADS": 1 << 34,
    "MANAGE_WEBHOOKS": 1 << 29,
    "MANAGE_CHANNELS": 1 << 4,
    "MANAGE_ROLES": 1 << 28,
    "MANAGE_GUILD": 1 << 5,
    "MANAGE_NICKNAMES": 1 << 27,
    "KICK_MEMBERS": 1 << 1,
    "BAN_MEMBERS": 1 << 2,
    "MODERATE_MEMBERS": 1 << 40,
    "CREATE_INSTANT_INVITE": 1 << 0,
    "CREATE_GUILD_EXPRESSIONS": 1 << 43,
    "MANAGE_GUILD_EXPRESSIONS": 1 << 30,
    "CREATE_EVENTS": 1 << 44,
    "MANAGE_EVENTS": 1 << 33,
    "VIEW_AUDIT_LOG": 1 << 7,
}


async def reload(context: Context) -> None:
    """Lets every replica read the configuration again, and says what changed or why it was refused."""
    await context.defer(private=True)

    async def ask(channel: grpc.aio.Channel) -> admin_pb2.ReloadResponse:
        stub = admin_pb2_grpc.AdminServiceStub(channel)
        answer: admin_pb2.ReloadResponse = await stub.Reload(admin_pb2.ReloadRequest(), timeout=context.timeout * 5)
        return answer

    answers = await asyncio.gather(*(_every(context, service, ask) for service in SERVICES))
    rows = []
    for service, replicas in zip(SERVICES, answers, strict=True):
        if not replicas:
            rows.append(context.text("status.away", service=service, code="NOT_FOUND"))
        for answer in replicas.values():
            if isinstance(answer, grpc.aio.AioRpcError):
                rows.append(context.text("status.away", service=service, code=answer.code().name))
            elif answer.outcome.accepted:
                changed = ", ".join(answer.outcome.changed) or context.text("reload.nothing")
                rows.append(context.text("reload.accepted", service=service, changed=escaped(changed)))
                if answer.outcome.restart_needed:
                    later = escaped(", ".join(answer.outcome.restart_needed))
                    rows.append(context.text("reload.restart", service=service, later=later))
            else:
                rows.append(
                    context.text("reload.refused", service=service, why=escaped("; ".join(answer.outcome.problems)))
                )
    await context.respond(message(within(rows)))


async def _every(
    context: Context, service: str, ask: Callable[[grpc.aio.Channel], Awaitable[admin_pb2.ReloadResponse]]
) -> Mapping[str, admin_pb2.ReloadResponse | grpc.aio.AioRpcError]:
    """What each replica answers; nothing where none can be found."""
    try:
        return await context.every_replica(service, ask)
    except OSError as error:
        _log.warning("service not found", service=service, error=str(error))
        return {}


async def setup(context: Context) -> None:
    """Sets what was given, names the permissions that are missing, and shows the server's settings."""
    held = await _set_up(context)
    drawn = await menu_drawing.draw(context, menu_items.GUILD, 0)
    lines = _tiers(context, await in_force(context, Place(guild_id=context.interaction.guild_id), ("llm",)))
    granted = context.interaction.app_permissions
    missing = missing_permissions(granted)
    if missing:
        lines.append(context.text("setup.missing", permissions=", ".join(missing)))
        address = invitation(context.interaction.application_id, context.interaction.guild_id, granted)
        button = components.link(address, context.text("setup.fix"))
        drawn["components"] = [*drawn["components"][: components.ROWS_LIMIT - 1], components.row(button)]
    else:
        lines.append(context.text("setup.complete"))
    drawn["content"] = within([*lines, drawn["content"]])
    await context.respond(drawn)
    if held is not None:
        await announcements.announce(context, held)


async def _set_up(context: Context) -> settings_pb2.ScopeSettings | None:
    """Sets what was given; gives what the guild's scope holds then, to be announced."""
    options = context.options
    wanted: dict[str, dict[str, Plain]] = {"gateway": {}, "executor": {}, "board": {}, "llm": {}}
    for option, service, key in _SET_BY:
        if value := options.get(option):
            wanted[service][key] = str(value)
    if role := options.get("role"):
        wanted["llm"][ROLE_TIERS] = await _with_role(context, int(role), str(options.get("tier") or ""))
    scope = Scope(ScopeKind.GUILD, context.interaction.guild_id, context.interaction.guild_id)
    held = None
    for service, values in wanted.items():
        if values:
            held = await update(context, service, scope, values)
    return held


async def _with_role(context: Context, role: int, tier: str) -> tuple[str, ...]:
    """The guild's tiers of roles with one more, or without a role's where no tier is named."""
    tiers = context.settings.current.roles
    if tier and not (tier in tiers and tiers[tier].grantable):
        raise InvalidArgument("roles can't be given this tier", reason="TIER_UNKNOWN")
    held = await in_force(context, Place(guild_id=context.interaction.guild_id), ("llm",))
    granted = role_grants(held["llm"][ROLE_TIERS].value)
    granted.pop(role, None)
    if tier:
        granted[role] = tier
    return tuple(f"{each}={name}" for each, name in granted.items())


def _tiers(context: Context, held: Mapping[str, Mapping[str, InForce]]) -> list[str]:
    granted = role_grants(held["llm"][ROLE_TIERS].value)
    return [context.text("setup.tier", role=f"<@&{role}>", tier=tier) for role, tier in granted.items()]


async def tiers_offered(context: Context, typed: str) -> list[Choice]:
    """Offers the tiers that a guild may give to its roles."""
    tiers = context.settings.current.roles
    return asking.matching(typed, [Choice(name, name) for name, tier in tiers.items() if tier.grantable])


def missing_permissions(granted: int) -> list[str]:
    """The names of the permissions that the bot lacks. An administrator lacks none."""
    administrator = 1 << 3
    return [] if granted & administrator else [name for name, bit in NEEDED.items() if not granted & bit]


def invitation(application_id: int, guild_id: int, granted: int) -> str:
    """The page on which an admin gives the bot what it needs. What it has already it would lose if it were left out."""
    wanted = granted
    for bit in NEEDED.values():
        wanted |= bit
    return (
        f"https://discord.com/oauth2/authorize?client_id={application_id}&scope=bot%20applications.commands"
        f"&permissions={wanted}&guild_id={guild_id}&disable_guild_select=true"
    )


def register(registry: Registry) -> None:
    """Adds the commands."""
    registry.command(Command("reload", reload, feature="reload", permissions=MANAGE_GUILD))
    registry.command(
        Command(
            "setup",
            setup,
            options=(
                Option("language", choices=LANGUAGES),
                Option("log_channel", OptionKind.CHANNEL, channel_types=(_TEXT_CHANNEL,)),
                Option("board", OptionKind.CHANNEL, channel_types=(_TEXT_CHANNEL,)),
                Option("forum", OptionKind.CHANNEL, channel_types=(_FORUM,)),
                Option("role", OptionKind.ROLE),
                Option("tier", maximum=50, autocomplete=tiers_offered),
            ),
            feature="settings",
            permissions=MANAGE_GUILD,
            guild_only=True,
        )
    )
