"""The tables as they are after the last migration. Times are Unix milliseconds; ids of Discord are snowflakes.

`guilds.sequence` is raised by every change in the guild, in the change's own transaction and before its event is
written: whoever holds that row's lock is the only writer of events there, so sequences have no holes and become
visible in order. `boards` counts per profession and state, and carries the generation that cached lists hang on.
"""

import sqlalchemy as sa

metadata = sa.MetaData()

guilds = sa.Table(
    "guilds",
    metadata,
    sa.Column("guild_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("last_number", sa.BigInteger, nullable=False),
)

boards = sa.Table(
    "boards",
    metadata,
    sa.Column("guild_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("profession", sa.String(50), primary_key=True),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("open", sa.BigInteger, nullable=False),
    sa.Column("claimed", sa.BigInteger, nullable=False),
    sa.Column("waiting_materials", sa.BigInteger, nullable=False),
    sa.Column("ready", sa.BigInteger, nullable=False),
    sa.Column("completed", sa.BigInteger, nullable=False),
    sa.Column("cancelled", sa.BigInteger, nullable=False),
    sa.Column("expired", sa.BigInteger, nullable=False),
)

requests = sa.Table(
    "requests",
    metadata,
    sa.Column("request_id", sa.String(22), primary_key=True),
    sa.Column("guild_id", sa.BigInteger, nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("part", sa.Integer, nullable=False),
    sa.Column("parent_id", sa.String(22), nullable=False),
    sa.Column("item", sa.String(100), nullable=False),
    sa.Column("item_key", sa.String(300), nullable=False),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("profession", sa.String(50), nullable=False),
    sa.Column("quality", sa.String(50), nullable=False),
    sa.Column("materials", sa.String(20), nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("tip", sa.String(100), nullable=False),
    sa.Column("requester_id", sa.BigInteger, nullable=False),
    sa.Column("requester_name", sa.String(100), nullable=False),
    sa.Column("character_id", sa.String(22), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("crafter_id", sa.BigInteger),
    sa.Column("crafter_name", sa.String(100)),
    sa.Column("crafter_character_id", sa.String(22)),
    sa.Column("claimed_at", sa.BigInteger),
    sa.Column("nudged_at", sa.BigInteger),
    sa.Column("release_at", sa.BigInteger),
    sa.Column("due_at", sa.BigInteger),
    sa.Column("due_order", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("reminded_at", sa.BigInteger),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Column("closed_at", sa.BigInteger),
    sa.UniqueConstraint("guild_id", "number", "part", name="uq_requests_number"),
)

_active = requests.c.closed_at.is_(None)
sa.Index(
    "ix_requests_active",
    requests.c.guild_id,
    requests.c.number,
    requests.c.part,
    postgresql_where=_active,
    sqlite_where=_active,
)
sa.Index(
    "ix_requests_active_profession",
    requests.c.guild_id,
    requests.c.profession,
    requests.c.number,
    requests.c.part,
    postgresql_where=_active,
    sqlite_where=_active,
)
sa.Index(
    "ix_requests_active_due",
    requests.c.guild_id,
    requests.c.due_order,
    requests.c.number,
    requests.c.part,
    postgresql_where=_active,
    sqlite_where=_active,
)
sa.Index("ix_requests_profession", requests.c.guild_id, requests.c.profession, requests.c.number, requests.c.part)
sa.Index("ix_requests_state", requests.c.guild_id, requests.c.state, requests.c.number, requests.c.part)
sa.Index("ix_requests_requester", requests.c.guild_id, requests.c.requester_id, requests.c.number, requests.c.part)
sa.Index("ix_requests_crafter", requests.c.guild_id, requests.c.crafter_id, requests.c.number, requests.c.part)
sa.Index("ix_requests_item", requests.c.guild_id, requests.c.item_key, requests.c.number, requests.c.part)
sa.Index("ix_requests_closed", requests.c.guild_id, requests.c.closed_at)

claims = sa.Table(
    "claims",
    metadata,
    sa.Column("request_id", sa.String(22), sa.ForeignKey("requests.request_id"), primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("guild_id", sa.BigInteger, nullable=False),
    sa.Column("crafter_id", sa.BigInteger, nullable=False),
    sa.Column("claimed_at", sa.BigInteger, nullable=False),
    sa.Column("ended_at", sa.BigInteger),
    sa.Column("outcome", sa.String(20), nullable=False),
)
# The last line of defence for "one crafter at a time", below compare-and-set.
sa.Index(
    "uq_claims_active",
    claims.c.request_id,
    unique=True,
    postgresql_where=claims.c.ended_at.is_(None),
    sqlite_where=claims.c.ended_at.is_(None),
)
sa.Index("ix_claims_crafter", claims.c.guild_id, claims.c.crafter_id, claims.c.ended_at)

items = sa.Table(
    "items",
    metadata,
    sa.Column("guild_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("item_key", sa.String(300), primary_key=True),
    sa.Column("profession", sa.String(50), primary_key=True),
    sa.Column("item", sa.String(100), nullable=False),
    sa.Column("requested", sa.BigInteger, nullable=False),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("guild_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("subject", sa.String(20), nullable=False),
    sa.Column("subject_id", sa.String(64), nullable=False),
    sa.Column("action", sa.String(30), nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("actor_kind", sa.String(10), nullable=False),
    sa.Column("actor_id", sa.BigInteger, nullable=False),
    sa.Column("actor_name", sa.String(100), nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("before", sa.Text, nullable=False),
    sa.Column("after", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("idempotency_key", sa.String(64), nullable=False),
)
sa.Index("ix_events_subject", events.c.guild_id, events.c.subject, events.c.subject_id, events.c.sequence)
sa.Index("ix_events_actor", events.c.guild_id, events.c.actor_id, events.c.sequence)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("guild_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
)
sa.Index("ix_outbox_at", outbox.c.at)

idempotency = sa.Table(
    "idempotency",
    metadata,
    sa.Column("guild_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("idempotency_key", sa.String(64), primary_key=True),
    sa.Column("fingerprint", sa.String(32), nullable=False),
    sa.Column("result", sa.String(64), nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
)
sa.Index("ix_idempotency_at", idempotency.c.at)

due = sa.Table(
    "due",
    metadata,
    sa.Column("request_id", sa.String(22), sa.ForeignKey("requests.request_id"), primary_key=True),
    sa.Column("action", sa.String(20), primary_key=True),
    sa.Column("guild_id", sa.BigInteger, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
)
sa.Index("ix_due_at", due.c.at)

characters = sa.Table(
    "characters",
    metadata,
    sa.Column("character_id", sa.String(22), primary_key=True),
    sa.Column("guild_id", sa.BigInteger, nullable=False),
    sa.Column("owner_id", sa.BigInteger, nullable=False),
    sa.Column("owner_name", sa.String(100), nullable=False),
    sa.Column("name", sa.String(50), nullable=False),
    sa.Column("name_key", sa.String(150), nullable=False),
    sa.Column("realm", sa.String(50), nullable=False),
    sa.Column("realm_key", sa.String(150), nullable=False),
    sa.Column("main", sa.Boolean, nullable=False),
    sa.Column("note", sa.String(200), nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Column("removed_at", sa.BigInteger),
)
_kept = characters.c.removed_at.is_(None)
sa.Index(
    "uq_characters_name",
    characters.c.guild_id,
    characters.c.name_key,
    characters.c.realm_key,
    unique=True,
    postgresql_where=_kept,
    sqlite_where=_kept,
)
sa.Index("ix_characters_owner", characters.c.guild_id, characters.c.owner_id)

skills = sa.Table(
    "skills",
    metadata,
    sa.Column("character_id", sa.String(22), sa.ForeignKey("characters.character_id"), primary_key=True),
    sa.Column("profession", sa.String(50), primary_key=True),
    sa.Column("guild_id", sa.BigInteger, nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("specialities", sa.Text, nullable=False),
    sa.Column("recipes", sa.Text, nullable=False),
)
sa.Index("ix_skills_profession", skills.c.guild_id, skills.c.profession)

members = sa.Table(
    "members",
    metadata,
    sa.Column("guild_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("user_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("vacation_until", sa.BigInteger),
    sa.Column("blocked_at", sa.BigInteger),
    sa.Column("blocked_by", sa.BigInteger),
    sa.Column("blocked_reason", sa.String(200), nullable=False),
)

subscriptions = sa.Table(
    "subscriptions",
    metadata,
    sa.Column("guild_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("user_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(12), primary_key=True),
    sa.Column("value", sa.String(300), primary_key=True),
    sa.Column("created_at", sa.BigInteger, nullable=False),
)
sa.Index("ix_subscriptions_value", subscriptions.c.guild_id, subscriptions.c.kind, subscriptions.c.value)

guild_professions = sa.Table(
    "guild_professions",
    metadata,
    sa.Column("guild_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("key", sa.String(50), primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
)
