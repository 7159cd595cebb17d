"""Brings the database to the version that this code speaks, before anything else uses it."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from chassis.errors import FailedPrecondition
from services.board.store.database import Database

# Replicas that start together migrate one after another. Any fixed number does; this one spells "board".
_ADVISORY_LOCK = 0x626F617264


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    return config


def newest() -> str:
    """The version that this code speaks."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise RuntimeError("the board has no migrations")
    return head


async def migrate(database: Database, revision: str = "head") -> str:
    """Applies migrations up to `revision`, or takes them back down to it; gives the version reached.

    FailedPrecondition (DATABASE_NEWER) where the database was written by a newer Guildhall.
    """

    def run(connection: sa.Connection) -> str:
        if not database.is_sqlite:
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        config = _config()
        config.attributes["connection"] = connection
        scripts = ScriptDirectory.from_config(config)
        current = MigrationContext.configure(connection).get_current_revision()
        known = {script.revision for script in scripts.walk_revisions()}
        if current is not None and current not in known:
            raise FailedPrecondition(
                f"the board's database is at version {current}, which this Guildhall does not know: run the newer one",
                reason="DATABASE_NEWER",
            )
        target = newest() if revision == "head" else revision
        if current != target:
            order = [script.revision for script in scripts.walk_revisions()]
            down = current is not None and (target == "base" or order.index(target) > order.index(current))
            (command.downgrade if down else command.upgrade)(config, target)
        return MigrationContext.configure(connection).get_current_revision() or "base"

    return await database.run_sync(run)
