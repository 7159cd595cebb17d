"""Characters and their skills, members, subscriptions, and the guild's own professions."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "characters",
        sa.Column("character_id", sa.String(length=22), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column("owner_name", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("name_key", sa.String(length=150), nullable=False),
        sa.Column("realm", sa.String(length=50), nullable=False),
        sa.Column("realm_key", sa.String(length=150), nullable=False),
        sa.Column("main", sa.Boolean(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("character_id"),
    )
    op.create_index("ix_characters_owner", "characters", ["guild_id", "owner_id"], unique=False)
    op.create_index(
        "uq_characters_name",
        "characters",
        ["guild_id", "name_key", "realm_key"],
        unique=True,
        postgresql_where=sa.text("removed_at IS NULL"),
        sqlite_where=sa.text("removed_at IS NULL"),
    )
    op.create_table(
        "guild_professions",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.String(length=50), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "key"),
    )
    op.create_table(
        "members",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("vacation_until", sa.BigInteger(), nullable=True),
        sa.Column("blocked_at", sa.BigInteger(), nullable=True),
        sa.Column("blocked_by", sa.BigInteger(), nullable=True),
        sa.Column("blocked_reason", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "user_id"),
    )
    op.create_table(
        "subscriptions",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("value", sa.String(length=300), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "user_id", "kind", "value"),
    )
    op.create_index("ix_subscriptions_value", "subscriptions", ["guild_id", "kind", "value"], unique=False)
    op.create_table(
        "skills",
        sa.Column("character_id", sa.String(length=22), nullable=False),
        sa.Column("profession", sa.String(length=50), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("specialities", sa.Text(), nullable=False),
        sa.Column("recipes", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["character_id"],
            ["characters.character_id"],
        ),
        sa.PrimaryKeyConstraint("character_id", "profession"),
    )
    op.create_index("ix_skills_profession", "skills", ["guild_id", "profession"], unique=False)


def downgrade() -> None:
    """Takes them away, with what is in them."""
    op.drop_index("ix_skills_profession", table_name="skills")
    op.drop_table("skills")
    op.drop_index("ix_subscriptions_value", table_name="subscriptions")
    op.drop_table("subscriptions")
    op.drop_table("members")
    op.drop_table("guild_professions")
    op.drop_index(
        "uq_characters_name",
        table_name="characters",
        postgresql_where=sa.text("removed_at IS NULL"),
        sqlite_where=sa.text("removed_at IS NULL"),
    )
    op.drop_index("ix_characters_owner", table_name="characters")
    op.drop_table("characters")
