"""The service's own memory."""

import os
from pathlib import Path

from graph.doctor.findings import Finding, Findings, ok, problem
from graph.settings import Settings
from persistence.errors import StoreError, StoreInUse
from persistence.store import open_store


async def examine_store(settings: Settings) -> Findings:
    """Opens it and asks; makes nothing where there is nothing yet."""
    if settings.database_url is None and not (settings.data_dir / "state.sqlite").exists():
        yield _writable(settings.data_dir)
        return
    kind = "MongoDB" if (settings.database_url or "").startswith("mongodb") else "SQLite"
    try:
        store = await open_store(settings.database_url, settings.data_dir)
    except StoreInUse:
        yield ok(f"{kind}, in use by a server that runs")
    except (StoreError, ValueError) as error:
        yield problem(f"{kind} cannot be opened: {error}", "check DATABASE_URL, and that the database runs")
    else:
        try:
            await store.ping()
            yield ok(f"{kind}, answers; event {await store.last_sequence()} is the newest")
        except StoreError as error:
            yield problem(f"{kind} does not answer: {error}", "check the database")
        finally:
            await store.close()


def _writable(folder: Path) -> Finding:
    there = next(path for path in (folder, *folder.resolve().parents) if path.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return ok("SQLite, made at the first start")
    return problem("DATA_DIR cannot be written", "set DATA_DIR to a folder of the server's user")
