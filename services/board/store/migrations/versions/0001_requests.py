"""Requests, their history, and what is delivered and done later."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "boards",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("profession", sa.String(length=50), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("open", sa.BigInteger(), nullable=False),
        sa.Column("claimed", sa.BigInteger(), nullable=False),
        sa.Column("waiting_materials", sa.BigInteger(), nullable=False),
        sa.Column("ready", sa.BigInteger(), nullable=False),
        sa.Column("completed", sa.BigInteger(), nullable=False),
        sa.Column("cancelled", sa.BigInteger(), nullable=False),
        sa.Column("expired", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "profession"),
    )
    op.create_table(
        "events",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("subject", sa.String(length=20), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=30), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("actor_kind", sa.String(length=10), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=False),
        sa.Column("actor_name", sa.String(length=100), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "sequence"),
    )
    op.create_index("ix_events_actor", "events", ["guild_id", "actor_id", "sequence"], unique=False)
    op.create_index("ix_events_subject", "events", ["guild_id", "subject", "subject_id", "sequence"], unique=False)
    op.create_table(
        "guilds",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("last_number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("guild_id"),
    )
    op.create_table(
        "idempotency",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("idempotency_key", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=32), nullable=False),
        sa.Column("result", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "idempotency_key"),
    )
    op.create_index("ix_idempotency_at", "idempotency", ["at"], unique=False)
    op.create_table(
        "items",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("item_key", sa.String(length=300), nullable=False),
        sa.Column("profession", sa.String(length=50), nullable=False),
        sa.Column("item", sa.String(length=100), nullable=False),
        sa.Column("requested", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "item_key", "profession"),
    )
    op.create_table(
        "outbox",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "sequence"),
    )
    op.create_index("ix_outbox_at", "outbox", ["at"], unique=False)
    op.create_table(
        "requests",
        sa.Column("request_id", sa.String(length=22), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("parent_id", sa.String(length=22), nullable=False),
        sa.Column("item", sa.String(length=100), nullable=False),
        sa.Column("item_key", sa.String(length=300), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("profession", sa.String(length=50), nullable=False),
        sa.Column("quality", sa.String(length=50), nullable=False),
        sa.Column("materials", sa.String(length=20), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("tip", sa.String(length=100), nullable=False),
        sa.Column("requester_id", sa.BigInteger(), nullable=False),
        sa.Column("requester_name", sa.String(length=100), nullable=False),
        sa.Column("character_id", sa.String(length=22), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("crafter_id", sa.BigInteger(), nullable=True),
        sa.Column("crafter_name", sa.String(length=100), nullable=True),
        sa.Column("crafter_character_id", sa.String(length=22), nullable=True),
        sa.Column("claimed_at", sa.BigInteger(), nullable=True),
        sa.Column("nudged_at", sa.BigInteger(), nullable=True),
        sa.Column("release_at", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("due_order", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("reminded_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("request_id"),
        sa.UniqueConstraint("guild_id", "number", "part", name="uq_requests_number"),
    )
    op.create_index(
        "ix_requests_active",
        "requests",
        ["guild_id", "number", "part"],
        unique=False,
        postgresql_where=sa.text("closed_at IS NULL"),
        sqlite_where=sa.text("closed_at IS NULL"),
    )
    op.create_index(
        "ix_requests_active_due",
        "requests",
        ["guild_id", "due_order", "number", "part"],
        unique=False,
        postgresql_where=sa.text("closed_at IS NULL"),
        sqlite_where=sa.text("closed_at IS NULL"),
    )
    op.create_index(
        "ix_requests_active_profession",
        "requests",
        ["guild_id", "profession", "number", "part"],
        unique=False,
        postgresql_where=sa.text("closed_at IS NULL"),
        sqlite_where=sa.text("closed_at IS NULL"),
    )
    op.create_index("ix_requests_closed", "requests", ["guild_id", "closed_at"], unique=False)
    op.create_index("ix_requests_crafter", "requests", ["guild_id", "crafter_id", "number", "part"], unique=False)
    op.create_index("ix_requests_item", "requests", ["guild_id", "item_key", "number", "part"], unique=False)
    op.create_index("ix_requests_profession", "requests", ["guild_id", "profession", "number", "part"], unique=False)
    op.create_index("ix_requests_requester", "requests", ["guild_id", "requester_id", "number", "part"], unique=False)
    op.create_index("ix_requests_state", "requests", ["guild_id", "state", "number", "part"], unique=False)
    op.create_table(
        "claims",
        sa.Column("request_id", sa.String(length=22), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("crafter_id", sa.BigInteger(), nullable=False),
        sa.Column("claimed_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["requests.request_id"],
        ),
        sa.PrimaryKeyConstraint("request_id", "version"),
    )
    op.create_index("ix_claims_crafter", "claims", ["guild_id", "crafter_id", "ended_at"], unique=False)
    op.create_index(
        "uq_claims_active",
        "claims",
        ["request_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
        sqlite_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "due",
        sa.Column("request_id", sa.String(length=22), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["requests.request_id"],
        ),
        sa.PrimaryKeyConstraint("request_id", "action"),
    )
    op.create_index("ix_due_at", "due", ["at"], unique=False)


def downgrade() -> None:
    """Takes them away, with what is in them."""
    op.drop_index("ix_due_at", table_name="due")
    op.drop_table("due")
    op.drop_index(
        "uq_claims_active",
        table_name="claims",
        postgresql_where=sa.text("ended_at IS NULL"),
        sqlite_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index("ix_claims_crafter", table_name="claims")
    op.drop_table("claims")
    op.drop_index("ix_requests_state", table_name="requests")
    op.drop_index("ix_requests_requester", table_name="requests")
    op.drop_index("ix_requests_profession", table_name="requests")
    op.drop_index("ix_requests_item", table_name="requests")
    op.drop_index("ix_requests_crafter", table_name="requests")
    op.drop_index("ix_requests_closed", table_name="requests")
    op.drop_index(
        "ix_requests_active_profession",
        table_name="requests",
        postgresql_where=sa.text("closed_at IS NULL"),
        sqlite_where=sa.text("closed_at IS NULL"),
    )
    op.drop_index(
        "ix_requests_active_due",
        table_name="requests",
        postgresql_where=sa.text("closed_at IS NULL"),
        sqlite_where=sa.text("closed_at IS NULL"),
    )
    op.drop_index(
        "ix_requests_active",
        table_name="requests",
        postgresql_where=sa.text("closed_at IS NULL"),
        sqlite_where=sa.text("closed_at IS NULL"),
    )
    op.drop_table("requests")
    op.drop_index("ix_outbox_at", table_name="outbox")
    op.drop_table("outbox")
    op.drop_table("items")
    op.drop_index("ix_idempotency_at", table_name="idempotency")
    op.drop_table("idempotency")
    op.drop_table("guilds")
    op.drop_index("ix_events_subject", table_name="events")
    op.drop_index("ix_events_actor", table_name="events")
    op.drop_table("events")
    op.drop_table("boards")
