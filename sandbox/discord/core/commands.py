"""Registering application commands, and who may use them where.

Source: https://discord.com/developers/docs/interactions/application-commands
"""

from sandbox.discord.checks.commands import CHAT_INPUT, MESSAGE, USER
from sandbox.discord.entities import JSON, Channel, Command
from sandbox.discord.errors import DiscordError, field_error
from sandbox.discord.limits import SIZES
from sandbox.discord.permissions import P
from sandbox.discord.world import World

_MOST = {CHAT_INPUT: SIZES.chat_commands, USER: SIZES.user_commands, MESSAGE: SIZES.message_commands, 4: 1}


def listed(world: World, application_id: int, guild_id: int | None) -> list[Command]:
    """The commands of one scope."""
    return [c for c in world.commands.values() if c.application_id == application_id and c.guild_id == guild_id]


def get(world: World, application_id: int, guild_id: int | None, command_id: int) -> Command:
    """One command; 10063."""
    found = world.commands.get(command_id)
    if found is None or found.application_id != application_id or found.guild_id != guild_id:
        raise DiscordError(10063)
    return found


def _same(world: World, application_id: int, guild_id: int | None, definition: JSON) -> Command | None:
    for command in listed(world, application_id, guild_id):
        if (command.definition["name"], command.definition["type"]) == (definition["name"], definition["type"]):
            return command
    return None


def _count_create(world: World, application_id: int, guild_id: int | None) -> None:
    made = world.command_creates.setdefault((application_id, guild_id), [])
    made[:] = [at for at in made if world.now() - at < 86400]
    if len(made) >= SIZES.command_creates_a_day:
        raise DiscordError(30034)
    made.append(world.now())


def create(world: World, application_id: int, guild_id: int | None, definition: JSON) -> tuple[Command, bool]:
    """Registers a command; one of the same name and type is overwritten. Answers whether it is new."""
    existing = _same(world, application_id, guild_id, definition)
    if existing is not None:
        if existing.definition != definition:
            existing.definition = definition
            existing.version = world.new_id()
        return existing, False
    kind = definition["type"]
    if sum(c.definition["type"] == kind for c in listed(world, application_id, guild_id)) >= _MOST[kind]:
        raise DiscordError(30032)
    _count_create(world, application_id, guild_id)
    command = Command(world.new_id(), world.new_id(), application_id, guild_id, definition)
    world.commands[command.id] = command
    return command, True


def overwrite(world: World, application_id: int, guild_id: int | None, definitions: list[JSON]) -> list[Command]:
    """Replaces all commands of a scope; those that stay keep their ids."""
    seen = set()
    for index, definition in enumerate(definitions):
        key = (definition["name"], definition["type"])
        if key in seen:
            raise field_error(
                (index, "name"), "APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique"
            )
        seen.add(key)
    for kind, most in _MOST.items():
        if sum(d["type"] == kind for d in definitions) > most:
            raise DiscordError(30032)
    kept = {(c.definition["name"], c.definition["type"]): c for c in listed(world, application_id, guild_id)}
    for key, command in kept.items():
        if key not in seen:
            del world.commands[command.id]
    return [create(world, application_id, guild_id, definition)[0] for definition in definitions]


def edit(world: World, command: Command, changes: JSON) -> Command:
    """Changes a command; its name must stay unique."""
    definition = {**command.definition, **changes}
    other = _same(world, command.application_id, command.guild_id, definition)
    if other is not None and other.id != command.id:
        raise field_error("name", "APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique")
    command.definition = definition
    command.version = world.new_id()
    return command


def usable(world: World, channel: Channel, user_id: int, kind: int | None = None) -> list[Command]:
    """The commands that a person may use in a channel, by name."""
    held = world.permissions_in(channel, user_id)
    if not held & P.USE_APPLICATION_COMMANDS or not held & P.VIEW_CHANNEL:
        return []
    answer = []
    for command in world.commands.values():
        application = world.applications.get(command.application_id)
        if application is None or (kind is not None and command.definition["type"] != kind):
            continue
        if channel.guild_id is None:
            in_reach = application.bot_id in channel.recipients and command.guild_id is None
        else:
            in_reach = application.bot_id in world.guilds[channel.guild_id].members
            in_reach = in_reach and command.guild_id in (None, channel.guild_id)
        through_guild = in_reach and _permitted(world, command, channel, user_id, held)
        if through_guild or (not in_reach and _carried_along(world, command, channel, user_id)):
            answer.append(command)
    return sorted(answer, key=lambda c: (c.definition["name"], c.guild_id is None))


def _carried_along(world: World, command: Command, channel: Channel, user_id: int) -> bool:
    """Whether a person may use a command because they installed its application for themselves.
    https://docs.discord.com/developers/resources/application#installation-context"""
    if command.application_id not in world.users[user_id].apps or command.guild_id is not None:
        return False
    contexts = command.definition.get("contexts")
    context = 0 if channel.guild_id is not None else 2
    return 1 in command.definition["integration_types"] and (contexts is None or context in contexts)


def _permitted(world: World, command: Command, channel: Channel, user_id: int, held: int) -> bool:
    definition = command.definition
    contexts = definition.get("contexts")
    context = 0 if channel.guild_id is not None else 1
    if contexts is not None and context not in contexts:
        return False
    if channel.guild_id is None:
        return bool(definition.get("dm_permission", True))
    if held & P.ADMINISTRATOR:
        return True
    guild = world.guilds[channel.guild_id]
    roles = {guild.id, *guild.members[user_id].roles}
    role_verdict: bool | None = None
    for entry in command.permissions:
        target = int(entry["id"])
        if entry["type"] == 2 and user_id == target:
            return bool(entry["permission"])
        if entry["type"] == 1 and target in roles:
            role_verdict = bool(role_verdict) or bool(entry["permission"])
    if role_verdict is not None:
        return role_verdict
    default = definition.get("default_member_permissions")
    if default is None:
        return True
    if int(default) == 0:
        return False
    return world.guild_permissions(guild, user_id) & int(default) == int(default)
