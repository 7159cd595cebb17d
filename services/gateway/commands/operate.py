"""`/status`, `/reload` and `/setup`: how the platform is, for those who run it, and the first steps in a guild."""

import asyncio
from collections.abc import Mapping

import grpc
from guildhall.admin.v1 import admin_pb2, admin_pb2_grpc

from chassis.scoped import Scope, ScopeKind
from services.gateway import announcements, menus
from services.gateway.command import MANAGE_GUILD, Command, Option, OptionKind
from services.gateway.context import Context
from services.gateway.guild_settings import LANGUAGES
from services.gateway.registry import Registry
from services.gateway.scoped_client import in_force, update
from views import components
from views.lists import within
from views.markdown import escaped
from views.messages import message

SERVICES = ("gateway", "llm", "executor", "ratelimit", "board")
_TEXT_CHANNEL = 0
_MEGABYTE, _GIGABYTE = 1 << 20, 1 << 30

# What the bot needs to do everything it offers, by Discord's names: https://discord.com/developers/docs/topics/permissions
NEEDED = {
    "VIEW_CHANNEL": 1 << 10,
    "SEND_MESSAGES": 1 << 11,
    "MANAGE_CHANNELS": 1 << 4,
    "MANAGE_ROLES": 1 << 28,
    "MANAGE_MESSAGES": 1 << 13,
    "EMBED_LINKS": 1 << 14,
    "ATTACH_FILES": 1 << 15,
    "READ_MESSAGE_HISTORY": 1 << 16,
    "ADD_REACTIONS": 1 << 6,
    "CREATE_PUBLIC_THREADS": 1 << 35,
    "CREATE_PRIVATE_THREADS": 1 << 36,
    "SEND_MESSAGES_IN_THREADS": 1 << 38,
    "MANAGE_THREADS": 1 << 34,
}


async def status(context: Context) -> None:
    """Shows what is set here; for those who run the platform also how each replica is."""
    await context.defer(private=True)
    values = await in_force(context, context.place)
    rows = [context.text("settings.title.channel")]
    for held in values.values():
        for key, value in held.items():
            name = f"settings.name.{key}"
            if context.texts.has(name) and value.value not in (None, "", ()):
                rows.append(f"{context.text(name)}: {escaped(str(value.value))}")
    if context.may("status") and context.manages:
        rows.append(context.text("status.services"))
        answers = await asyncio.gather(*(_ask(context, service) for service in SERVICES))
        for service, replicas in zip(SERVICES, answers, strict=True):
            rows += [_replica(context, service, answer) for answer in replicas.values()]
    await context.respond(message(within(rows)))


async def reload(context: Context) -> None:
    """Lets every replica read the configuration again, and says what changed or why it was refused."""
    await context.defer(private=True)

    async def ask(channel: grpc.aio.Channel) -> admin_pb2.ReloadResponse:
        stub = admin_pb2_grpc.AdminServiceStub(channel)
        answer: admin_pb2.ReloadResponse = await stub.Reload(admin_pb2.ReloadRequest(), timeout=context.timeout * 5)
        return answer

    answers = await asyncio.gather(*(context.every_replica(service, ask) for service in SERVICES))
    rows = []
    for service, replicas in zip(SERVICES, answers, strict=True):
        for answer in replicas.values():
            if isinstance(answer, grpc.aio.AioRpcError):
                rows.append(context.text("status.away", service=service, code=answer.code().name))
            elif answer.outcome.accepted:
                changed = ", ".join(answer.outcome.changed) or context.text("reload.nothing")
                rows.append(context.text("reload.accepted", service=service, changed=escaped(changed)))
            else:
                rows.append(
                    context.text("reload.refused", service=service, why=escaped("; ".join(answer.outcome.problems)))
                )
    await context.respond(message(within(rows)))


async def setup(context: Context) -> None:
    """Sets what was given, names the permissions that are missing, and shows the server's settings."""
    options = context.options
    scope = Scope(ScopeKind.GUILD, context.interaction.guild_id, context.interaction.guild_id)
    held = None
    if language := options.get("language"):
        held = await update(context, "gateway", scope, {"language": str(language)})
    if log_channel := options.get("log_channel"):
        held = await update(context, "executor", scope, {"log_channel": str(log_channel)})
    drawn = await menus.draw(context, menus.GUILD, 0)
    missing = missing_permissions(context.interaction.app_permissions)
    lines: list[str] = []
    if missing:
        lines.append(context.text("setup.missing", permissions=", ".join(missing)))
        address = invitation(context.interaction.application_id, context.interaction.guild_id)
        button = components.link(address, context.text("setup.fix"))
        drawn["components"] = [*drawn["components"][: components.ROWS_LIMIT - 1], components.row(button)]
    else:
        lines.append(context.text("setup.complete"))
    drawn["content"] = within([*lines, drawn["content"]])
    await context.respond(drawn)
    if held is not None:
        await announcements.announce(context, held)


def missing_permissions(granted: int) -> list[str]:
    """The names of the permissions that the bot lacks. An administrator lacks none."""
    administrator = 1 << 3
    return [] if granted & administrator else [name for name, bit in NEEDED.items() if not granted & bit]


def invitation(application_id: int, guild_id: int) -> str:
    """The page on which an admin gives the bot what it needs."""
    wanted = 0
    for bit in NEEDED.values():
        wanted |= bit
    return (
        f"https://discord.com/oauth2/authorize?client_id={application_id}&scope=bot%20applications.commands"
        f"&permissions={wanted}&guild_id={guild_id}&disable_guild_select=true"
    )


async def _ask(context: Context, service: str) -> Mapping[str, admin_pb2.GetStatusResponse | grpc.aio.AioRpcError]:
    async def ask(channel: grpc.aio.Channel) -> admin_pb2.GetStatusResponse:
        stub = admin_pb2_grpc.AdminServiceStub(channel)
        answer: admin_pb2.GetStatusResponse = await stub.GetStatus(
            admin_pb2.GetStatusRequest(), timeout=context.timeout * 3
        )
        return answer

    return await context.every_replica(service, ask)


def _replica(context: Context, service: str, answer: admin_pb2.GetStatusResponse | grpc.aio.AioRpcError) -> str:
    if isinstance(answer, grpc.aio.AioRpcError):
        return context.text("status.away", service=service, code=answer.code().name)
    used = answer.resources
    unwell = [part.name for part in answer.parts if not part.serving]
    line = context.text(
        "status.replica",
        service=service,
        version=answer.version,
        uptime=_span(answer.uptime.seconds),
        cpu=f"{used.cpu_time.ToNanoseconds() / 1e9:.0f}",
        memory=f"{used.resident_bytes / _MEGABYTE:.0f}",
        disk=f"{used.disk_free_bytes / _GIGABYTE:.0f}",
        lag=f"{used.loop_lag_max.ToNanoseconds() / 1e6:.0f}",
    )
    return line + (context.text("status.unwell", parts=", ".join(unwell)) if unwell else "")


def _span(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min"


def register(registry: Registry) -> None:
    """Adds the commands."""
    registry.command(Command("status", status))
    registry.command(Command("reload", reload, feature="reload", permissions=MANAGE_GUILD))
    registry.command(
        Command(
            "setup",
            setup,
            options=(
                Option("language", choices=LANGUAGES),
                Option("log_channel", OptionKind.CHANNEL, channel_types=(_TEXT_CHANNEL,)),
            ),
            feature="settings",
            permissions=MANAGE_GUILD,
            guild_only=True,
        )
    )
