"""Where a search is kept: an SQLite file, or a PostgreSQL server that many machines share."""

import contextlib
from pathlib import Path

import sqlalchemy
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback

from facezoo.errors import TuningError

HEARTBEAT = 15  # seconds between the signs of life of a trial
GRACE = 60  # seconds without one after which a trial counts as lost and is run again
RETRIES = 5  # of a trial that kills its worker every time
BUSY = 60  # seconds that SQLite waits for another process to finish writing


def open_storage(url):
    """Open an Optuna storage, making its tables where they do not exist yet.

    Args:
        url: "sqlite:///path", "postgresql://user:password@host/database", or the path of an
            SQLite file.

    Raises:
        TuningError: it does not answer; a password in the URL is not shown.
    """
    url = database_url(url)
    options = {"connect_args": {"timeout": BUSY}} if url.get_backend_name() == "sqlite" else {}
    if url.get_backend_name() == "sqlite" and url.database:
        with contextlib.suppress(OSError):  # told below, when SQLite cannot open it
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    try:
        return RDBStorage(
            url.render_as_string(hide_password=False),
            engine_kwargs=options,
            heartbeat_interval=HEARTBEAT,
            grace_period=GRACE,
            heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=RETRIES),
        )
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, RuntimeError) as error:
        raise TuningError(
            f"Got storage {masked(url)}, which does not answer ({_reason(error, url)}); expected "
            "an SQLite file or a PostgreSQL server. Check the URL and that the server runs."
        ) from None


def database_url(url):
    """Return a URL as SQLAlchemy's, PostgreSQL's by the driver that the extra installs.

    Raises:
        TuningError: neither a path nor a database's URL.
    """
    text = str(url)
    if "://" not in text:
        text = f"sqlite:///{text}"
    try:
        parsed = sqlalchemy.engine.make_url(text)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise TuningError(
            "Got a storage that is no URL; expected such as sqlite:///search.db or "
            "postgresql://user:password@host/database. Check it; it is not shown here, since it "
            "may hold a password."
        ) from None
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed


def masked(url):
    """Return a URL as text without its password."""
    return database_url(url).render_as_string(hide_password=True)


def _reason(error, url):
    """The driver's first line, without the password."""
    error = getattr(error, "orig", None) or error.__cause__ or error
    line = " ".join(str(error).split())[:200] or type(error).__name__
    return line.replace(url.password, "***") if url.password else line
