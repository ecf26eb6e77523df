"""Where a search is kept: an SQLite file, or a PostgreSQL server that many machines share."""

import contextlib
import re
import time
from pathlib import Path

import sqlalchemy
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage

from facezoo.errors import TuningError
from facezoo.tuning.claims import queue_again

HEARTBEAT = 15  # seconds between the signs of life of a trial
GRACE = 60  # seconds without one after which a trial counts as lost and is run again
BUSY = 60  # seconds that SQLite waits for another process to finish writing
CONNECT = 10  # seconds that a server gets to answer
ATTEMPTS = 4  # at making the tables, which two machines may do at once
SECRET = ("password", "sslpassword")  # of a URL's query
SCHEMES = ("sqlite", "postgresql+psycopg")


@contextlib.contextmanager
def storage_at(url):
    """Open an Optuna storage, making its tables where they do not exist yet; close it.

    Args:
        url: "sqlite:///path", "postgresql://user:password@host/database", or the path of an
            SQLite file.

    Raises:
        TuningError: it does not answer, now or later; a password in the URL is not shown.
    """
    url = database_url(url)
    try:
        storage = _opened(url)
    except ImportError as error:
        if error.name != "psycopg":
            raise
        raise TuningError(
            "Got a PostgreSQL storage without psycopg; expected it to be installed. Run: "
            "pip install -e '.[tune]' in facezoo's folder"
        ) from None
    except (sqlalchemy.exc.SQLAlchemyError, StorageInternalError, RuntimeError) as error:
        raise TuningError(
            f"Got storage {_masked(url)}, which cannot be used ({_reason(error, url)}); expected "
            "an SQLite file or a PostgreSQL server that answers. Check the URL."
        ) from None
    try:
        yield storage
    except (StorageInternalError, sqlalchemy.exc.SQLAlchemyError) as error:
        raise TuningError(
            f"Got no answer any more from storage {_masked(url)} ({_reason(error, url)}); expected "
            "it to stay. Finished trials are in it: give the same command once it is back."
        ) from None
    finally:
        storage.remove_session()
        storage.engine.dispose()


def masked(url):
    """Return a URL as text without its password."""
    return _masked(database_url(url))


def database_url(url):
    """Return a URL as SQLAlchemy's, PostgreSQL's by the driver that the extra installs.

    Raises:
        TuningError: neither a path nor the URL of such a database.
    """
    text = str(url)
    if "://" not in text and not re.match(r"\w[\w+]+:", text):  # a drive has one letter
        text = f"sqlite:///{text}"
    with contextlib.suppress(sqlalchemy.exc.ArgumentError, ValueError):
        parsed = sqlalchemy.engine.make_url(text)
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        in_memory = parsed.drivername == "sqlite" and parsed.database in (None, "", ":memory:")
        # an unescaped @ or / in a password ends up in the host
        if parsed.drivername in SCHEMES and "@" not in (parsed.host or "") and not in_memory:
            return parsed
    raise TuningError(
        "Got a storage that is neither a file nor such a URL; expected such as sqlite:///search.db "
        "or postgresql://user:password@host/database, with @ in a password written as %40. Check "
        "it; it is not shown here, since it may hold a password."
    )


def _masked(url):
    hidden = url.update_query_dict({key: "***" for key in SECRET if key in url.query})
    return hidden.render_as_string(hide_password=True)


def _opened(url):
    sqlite = url.get_backend_name() == "sqlite"
    if sqlite:
        with contextlib.suppress(OSError):  # told when SQLite cannot open it
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        options = {"connect_args": {"timeout": BUSY}}
    else:
        options = {"connect_args": {"connect_timeout": CONNECT}, "pool_pre_ping": True}
    for left in reversed(range(ATTEMPTS)):
        try:
            storage = RDBStorage(
                url.render_as_string(hide_password=False),
                engine_kwargs=options,
                heartbeat_interval=HEARTBEAT,
                grace_period=GRACE,
                heartbeat_stale_trial_callback=queue_again,
            )
            break
        except (sqlalchemy.exc.ProgrammingError, sqlalchemy.exc.IntegrityError):
            if not left:
                raise
            time.sleep(0.5)
        except sqlalchemy.exc.OperationalError as error:
            if not left or "exists" not in str(error):
                raise
            time.sleep(0.5)
    if sqlite:
        _claim_alone(storage.engine)
    return storage


def _claim_alone(engine):
    """Let SQLite's transactions begin by taking the file's lock.

    Optuna claims a waiting trial by reading its state and then writing it. The driver would begin
    its transaction at the write alone, and two processes might both have read "waiting".
    """
    engine.dispose()

    @sqlalchemy.event.listens_for(engine, "connect")
    def leave_transactions_to_us(connection, _):
        connection.isolation_level = None
        # whole after a killed process; the disk is waited for now and then, not at every figure
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    @sqlalchemy.event.listens_for(engine, "begin")
    def begin(connection):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _reason(error, url):
    """The driver's first line, without the password."""
    error = getattr(error, "orig", None) or error.__cause__ or error
    line = " ".join(str(error).split())[:200] or type(error).__name__
    for secret in (url.password, *(url.query.get(key) for key in SECRET)):
        line = line.replace(secret, "***") if secret else line
    return line
