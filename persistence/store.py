"""Opening the service's memory."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from persistence.protocol import Store
from persistence.sqlite import SqliteStore

__all__ = ["Store", "open_store"]


async def open_store(url: str | None, data_dir: Path, *, wait_seconds: float = 0) -> Store:
    """The store that `url` names: `sqlite:///path` or `mongodb://…`; without one, `state.sqlite` in `data_dir`.

    A database server that does not answer is asked again for `wait_seconds`. Raises `ValueError` for a URL that names
    neither, `StoreInUse` when another server has the data directory, `StoreUnusable` for a database that cannot be read
    or refuses the password, `StoreUnavailable` when no server answers.
    """
    if url is None:
        return await SqliteStore.open(data_dir / "state.sqlite")
    if (scheme := url.partition("://")[0].lower()) == "sqlite":
        return await SqliteStore.open(_sqlite_path(url))
    if scheme in ("mongodb", "mongodb+srv"):
        from persistence.mongo import MongoStore  # noqa: PLC0415  its drivers take a second to import

        return await MongoStore.open(url, wait_seconds=wait_seconds)
    raise ValueError(f"{scheme!r} is not a kind of store: write sqlite:///path/to/file or mongodb://host/database")


def _sqlite_path(url: str) -> Path:
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.netloc or parts.query or parts.fragment or path in ("", "/") or path.endswith("/"):
        raise ValueError("a SQLite store is written sqlite:///path/to/file: three slashes, then the path of a file")
    return Path(path)
