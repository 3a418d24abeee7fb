"""The database's history of shapes: Alembic revisions, run from the command and at `init`."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from engine.errors import Unavailable

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

    from engine.database import Database


def upgrade(database: Database) -> None:
    """Bring the database to the newest shape, in one transaction; safe to run again."""
    from alembic import command

    with database.write() as connection:
        command.upgrade(_config(connection), "head")


def current(database: Database) -> str | None:
    """Return the revision that the database is at, None when it is empty."""
    from alembic.migration import MigrationContext

    with database.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """Return the newest revision that this version of the program knows."""
    from alembic.script import ScriptDirectory

    newest = ScriptDirectory.from_config(_config(None)).get_current_head()
    if newest is None:
        raise Unavailable("database", "no migration is installed")
    return newest


def _config(connection: Connection | None) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(files("engine") / "migrations"))
    config.attributes["connection"] = connection
    return config
