"""The community that a fresh sandbox starts with: two servers, four people, one bot. The same ids every time."""

from sandbox.discord.core.guilds import add_member
from sandbox.discord.entities import (
    Application,
    Channel,
    ChannelType,
    ForumTag,
    Guild,
    Overwrite,
    Role,
    User,
)
from sandbox.discord.permissions import EVERYONE_DEFAULT, P
from sandbox.discord.snowflake import from_time
from sandbox.discord.world import World

# 2024-01-01; ids below it are laid out by hand so that they stay the same.
_BIRTH = 1_704_067_200.0
_BASE = from_time(_BIRTH)

APPLICATION_ID = _BASE + 1
BOT_ID = APPLICATION_ID
OWNER_ID, MODERATOR_ID, MEMBER_ID, CRAFTER_ID = (_BASE + n for n in (11, 12, 13, 14))
GUILD_ID = _BASE + 100
SECOND_GUILD_ID = _BASE + 500

BOT_PERMISSIONS = int(
    P.VIEW_CHANNEL
    | P.SEND_MESSAGES
    | P.SEND_MESSAGES_IN_THREADS
    | P.EMBED_LINKS
    | P.ATTACH_FILES
    | P.READ_MESSAGE_HISTORY
    | P.ADD_REACTIONS
    | P.USE_EXTERNAL_EMOJIS
    | P.USE_APPLICATION_COMMANDS
    | P.CREATE_PUBLIC_THREADS
    | P.CREATE_PRIVATE_THREADS
    | P.MANAGE_THREADS
    | P.MANAGE_MESSAGES
    | P.PIN_MESSAGES
    | P.MANAGE_CHANNELS
    | P.MANAGE_ROLES
    | P.MANAGE_GUILD
    | P.MANAGE_NICKNAMES
    | P.CHANGE_NICKNAME
    | P.MANAGE_WEBHOOKS
    | P.KICK_MEMBERS
    | P.BAN_MEMBERS
    | P.MODERATE_MEMBERS
    | P.VIEW_AUDIT_LOG
    | P.CREATE_INSTANT_INVITE
    | P.CONNECT
    | P.SPEAK
    | P.MENTION_EVERYONE
    | P.MANAGE_GUILD_EXPRESSIONS
    | P.CREATE_GUILD_EXPRESSIONS
    | P.CREATE_EVENTS
    | P.MANAGE_EVENTS
)


def seed(world: World, bot_token: str) -> None:
    """Fills an empty world."""
    for id_, name, shown in (
        (OWNER_ID, "owner", "Olivia"),
        (MODERATOR_ID, "moderator", "Mo"),
        (MEMBER_ID, "member", "Mina"),
        (CRAFTER_ID, "crafter", "Cass"),
    ):
        world.users[id_] = User(id_, name, shown)
    world.users[BOT_ID] = User(BOT_ID, "guildhall", "Guildhall", bot=True)
    world.applications[APPLICATION_ID] = Application(APPLICATION_ID, BOT_ID, OWNER_ID, "Guildhall", bot_token)
    _town(world)
    _workshop(world)
    world.ids.last = max(world.ids.last, _BASE + 100_000)


def _guild(world: World, id_: int, name: str) -> Guild:
    guild = Guild(id_, name, OWNER_ID)
    guild.roles[id_] = Role(id_, "@everyone", EVERYONE_DEFAULT)
    world.guilds[id_] = guild
    return guild


def _role(
    guild: Guild, offset: int, name: str, permissions: int, color: int, *, hoist: bool = True, bot_id: int | None = None
) -> Role:
    role = Role(
        guild.id + offset,
        name,
        permissions,
        position=len(guild.roles),
        color=color,
        hoist=hoist,
        managed=bot_id is not None,
        mentionable=bot_id is None,
        bot_id=bot_id,
    )
    guild.roles[role.id] = role
    return role


def _channel(
    world: World,
    guild: Guild,
    offset: int,
    kind: ChannelType,
    name: str,
    *,
    parent: Channel | None = None,
    topic: str | None = None,
) -> Channel:
    channel = Channel(
        guild.id + offset,
        kind,
        guild.id,
        name,
        position=sum(
            (c.type is ChannelType.CATEGORY) == (kind is ChannelType.CATEGORY) for c in guild.channels.values()
        ),
        topic=topic,
        parent_id=None if parent is None else parent.id,
    )
    guild.channels[channel.id] = world.channels[channel.id] = channel
    return channel


def _town(world: World) -> None:
    guild = _guild(world, GUILD_ID, "Harbour Town")
    member = _role(guild, 1, "Member", EVERYONE_DEFAULT, 0x99AAB5, hoist=False)
    crafter = _role(guild, 2, "Crafter", EVERYONE_DEFAULT, 0xE67E22)
    moderator = _role(
        guild,
        3,
        "Moderator",
        EVERYONE_DEFAULT
        | P.KICK_MEMBERS
        | P.BAN_MEMBERS
        | P.MANAGE_MESSAGES
        | P.MANAGE_THREADS
        | P.MANAGE_CHANNELS
        | P.MANAGE_ROLES
        | P.MANAGE_NICKNAMES
        | P.MODERATE_MEMBERS
        | P.PIN_MESSAGES
        | P.VIEW_AUDIT_LOG
        | P.MENTION_EVERYONE,
        0x3498DB,
    )
    bot = _role(guild, 4, "Guildhall", BOT_PERMISSIONS, 0x5865F2, bot_id=BOT_ID)
    admin = _role(guild, 5, "Admin", int(P.ADMINISTRATOR), 0xF1C40F)
    for user_id, roles in (
        (OWNER_ID, [admin.id]),
        (MODERATOR_ID, [moderator.id, member.id]),
        (MEMBER_ID, [member.id]),
        (CRAFTER_ID, [crafter.id, member.id]),
        (BOT_ID, [bot.id]),
    ):
        add_member(world, guild, user_id, roles, joined_at=_BIRTH, quiet=True)
    info = _channel(world, guild, 10, ChannelType.CATEGORY, "Information")
    talk = _channel(world, guild, 11, ChannelType.CATEGORY, "Talk")
    craft = _channel(world, guild, 12, ChannelType.CATEGORY, "Crafting")
    staff = _channel(world, guild, 13, ChannelType.CATEGORY, "Staff")
    rules = _channel(world, guild, 20, ChannelType.TEXT, "rules", parent=info, topic="What we ask of each other")
    rules.overwrites[guild.id] = Overwrite(guild.id, 0, deny=int(P.SEND_MESSAGES))
    general = _channel(world, guild, 21, ChannelType.TEXT, "general", parent=talk, topic="Anything goes")
    _channel(world, guild, 22, ChannelType.TEXT, "bot-lab", parent=talk, topic="Try the bot here")
    _channel(world, guild, 23, ChannelType.TEXT, "music", parent=talk, topic="What are you listening to?")
    _channel(world, guild, 24, ChannelType.VOICE, "Lounge", parent=talk)
    _channel(world, guild, 25, ChannelType.TEXT, "requests", parent=craft, topic="Ask for crafted items")
    ideas = _channel(world, guild, 26, ChannelType.FORUM, "ideas", parent=talk, topic="One post per idea")
    ideas.tags = [
        ForumTag(guild.id + 40, "idea", emoji_name="\N{ELECTRIC LIGHT BULB}"),
        ForumTag(guild.id + 41, "accepted", moderated=True),
    ]
    private = _channel(world, guild, 27, ChannelType.TEXT, "staff-room", parent=staff)
    private.overwrites[guild.id] = Overwrite(guild.id, 0, deny=int(P.VIEW_CHANNEL))
    for role in (moderator, bot):
        private.overwrites[role.id] = Overwrite(role.id, 0, allow=int(P.VIEW_CHANNEL))
    guild.system_channel_id = general.id


def _workshop(world: World) -> None:
    guild = _guild(world, SECOND_GUILD_ID, "Workshop")
    bot = _role(guild, 1, "Guildhall", BOT_PERMISSIONS, 0x5865F2, bot_id=BOT_ID)
    for user_id, roles in ((OWNER_ID, []), (CRAFTER_ID, []), (BOT_ID, [bot.id])):
        add_member(world, guild, user_id, list(roles), joined_at=_BIRTH, quiet=True)
    general = _channel(world, guild, 20, ChannelType.TEXT, "lobby")
    guild.system_channel_id = general.id
