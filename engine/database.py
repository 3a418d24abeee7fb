"""The database: SQLite by default, PostgreSQL for several machines, behind one way in.

On SQLite every write transaction opens with `BEGIN IMMEDIATE`: a deferred one that has read takes
the write lock too late, and « database is locked » comes back whatever the busy timeout. The journal
is WAL, `synchronous` is FULL (a commit is on the disk), foreign keys are on, the file is private.

On PostgreSQL a step is one statement, so a second pool of autocommit connections serves it
(`fast`); everything else runs in ordinary transactions.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import local
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from engine.errors import Contended, Damaged, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL, Connection, Engine

#: How long a writer waits for another one, in seconds.
BUSY_SECONDS = 30
_READ = "arrimage_read"


class Database:
    """One database, opened: `read()` and `write()` give a connection inside a transaction."""

    def __init__(self, engine: Engine, fast: Engine) -> None:
        """Take the engine of ordinary transactions and the one of the hot path."""
        self.engine = engine
        self._fast = fast
        self._mine = local()
        self._opened: list[Any] = []
        self.dialect: str = engine.dialect.name

    @classmethod
    def open(cls, url: str, *, pool_size: int = 5, durable: bool = True) -> Database:
        """Return the database of a URL; connect only when first used.

        Args:
            url: `sqlite:////absolute/path`, or `postgresql://user@host/name`.
            pool_size: How many connections are kept.
            durable: Whether a commit is on the disk; not for what is thrown away (SQLite only).

        Raises:
            Unavailable: The URL cannot be read, or names another kind of database.
        """
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise Unavailable("database", f"unreadable URL: {error}") from error
        if parsed.get_backend_name() == "sqlite":
            engine = _open_sqlite(parsed, pool_size, durable=durable)
            return cls(engine, engine)
        if parsed.get_backend_name() == "postgresql":
            return cls(*_open_postgresql(parsed, pool_size))
        raise Unavailable("database", f"{parsed.get_backend_name()} is not supported")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection in a read transaction: one consistent view, no lock on writers."""
        with guarded(), self.engine.connect() as connection:
            yield connection.execution_options(**{_READ: True})

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection in the one write transaction; commit at the end, or roll back."""
        with guarded(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def hot(self) -> Iterator[Any]:
        """Give the driver's own connection, for the statements of the hot path.

        On SQLite it is in an immediate transaction, committed at the end; on PostgreSQL in
        autocommit, where each statement is its own.
        """
        with guarded():
            driver = self._of_this_thread()
            try:
                if self.dialect == "sqlite":
                    with _immediate(driver):
                        yield driver
                else:
                    yield driver
            except Exception as error:
                if _translated(error) is not None:
                    self._forget()
                raise

    def _of_this_thread(self) -> Any:
        """Return this thread's own connection: taking one from a pool and giving it back costs a

        twentieth of a step.
        """
        driver = getattr(self._mine, "driver", None)
        if driver is None or self._mine.process != os.getpid():
            connection = self._fast.raw_connection()
            driver = connection.driver_connection
            connection.detach()
            self._mine.driver, self._mine.process = driver, os.getpid()
            self._opened.append(driver)
        return driver

    def _forget(self) -> None:
        """Give up a connection that the driver complained about; the next step takes another."""
        driver, self._mine.driver = self._mine.driver, None
        self._opened.remove(driver)
        with suppress(Exception):
            driver.close()

    def create(self) -> None:
        """Make the file of a SQLite database, private from its first byte; nothing on PostgreSQL."""
        if self.dialect == "sqlite":
            path = Path(self.engine.url.database or "")
            if not path.exists():
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))

    def close(self) -> None:
        """Close every connection."""
        for driver in self._opened:
            with suppress(Exception):
                driver.close()
        self._opened.clear()
        self._mine = local()
        self.engine.dispose()
        self._fast.dispose()


@contextmanager
def _immediate(driver: Any) -> Iterator[None]:
    driver.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        driver.execute("ROLLBACK")
        raise
    driver.execute("COMMIT")


@contextmanager
def guarded() -> Iterator[None]:
    """Turn a driver's complaint about the environment, or about others, into an error of ours."""
    try:
        yield
    except DBAPIError as error:
        raise _translated(error.orig) or error from error
    except Exception as error:
        translated = _translated(error)
        if translated is None:
            raise
        raise translated from error


def _translated(error: BaseException | None) -> Contended | Unavailable | Damaged | None:
    """Return our error for one of a driver's, or None when it is a fault of ours."""
    if type(error).__module__.partition(".")[0] not in {"sqlite3", "psycopg"}:
        return None
    detail = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if type(error).__name__ == "DeadlockDetected":
        return Contended(detail)
    if "malformed" in detail or "not a database" in detail:
        return Damaged(f"the database file is damaged: {detail}")
    if "disk is full" in detail or "disk I/O error" in detail or "No space left" in detail:
        return Unavailable("disk", detail)
    if type(error).__name__ in {"OperationalError", "ConnectionTimeout", "AdminShutdown"}:
        return Unavailable("database", detail)
    return None


def _open_sqlite(url: URL, pool_size: int, *, durable: bool) -> Engine:
    """Return an engine over a private file in WAL."""
    if not url.database or url.database == ":memory:":
        raise Unavailable("database", "a file is needed: sqlite:////path/to/arrimage.db")
    path = Path(url.database)

    engine = create_engine(url, pool_size=pool_size, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "do_connect")
    def _is_there(*_: Any) -> None:
        # SQLite would make an empty file of that name, and an empty register is not the register.
        if not path.exists():
            raise Unavailable("missing", str(path))

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver opens no transaction behind our back
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get(_READ, False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _open_postgresql(url: URL, pool_size: int) -> tuple[Engine, Engine]:
    """Return the ordinary engine and the autocommit one."""
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    connect = {"connect_timeout": 10, "application_name": "arrimage", "prepare_threshold": 0}
    try:
        engine = create_engine(url, pool_size=pool_size, connect_args=connect)
        fast = create_engine(
            url,
            pool_size=pool_size,
            connect_args=connect,
            isolation_level="AUTOCOMMIT",
            pool_reset_on_return=None,
        )
    except NoSuchModuleError as error:
        raise Unavailable("database", f"no such driver: {url.drivername}") from error
    return engine, fast
