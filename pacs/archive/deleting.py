"""Deleting studies, series and instances, as most servers offer it: off unless allowed, for PS3.18 does not have it."""

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pacs.archive import lookup
from pacs.archive.faults import report
from pacs.archive.files import FileStore, Known, relative_path
from pacs.archive.filing import Filing
from pacs.archive.index import Index
from pacs.archive.stored_files import is_filed
from pacs.archive.transactions import transaction

_RECOUNT = """
    UPDATE studies SET
        number_of_series = (SELECT count(*) FROM series WHERE series.study = studies.id),
        number_of_instances =
            (SELECT coalesce(sum(number_of_instances), 0) FROM series WHERE series.study = studies.id)
    WHERE study_instance_uid = ?
"""
_OF_SERIES = "series_instance_uid = ? AND study = (SELECT id FROM studies WHERE study_instance_uid = ?)"
_RECOUNT_SERIES = f"""
    UPDATE series SET number_of_instances = (SELECT count(*) FROM instances WHERE instances.series = series.id)
    WHERE {_OF_SERIES}
"""  # noqa: S608  # put together from constants


class DeleteService:
    """Deletion from one archive."""

    def __init__(self, index: Index, files: FileStore, filing: Filing) -> None:
        self._index = index
        self._files = files
        self._filing = filing

    async def delete(self, request: Request) -> Response:
        """`DELETE /studies/{study}[/series/{series}[/instances/{instance}]]`: 204, or 404. Nothing empty is left."""

        def take_out(connection: sqlite3.Connection) -> list[str]:
            instances = lookup.find(connection, request.path_params)
            _delete(connection, request.path_params)
            return [relative_path(one.study_instance_uid, one.sop_instance_uid) for one in instances]

        return await self.delete_what(take_out)

    async def delete_what(self, take_out: Callable[[sqlite3.Connection], list[str]]) -> Response:
        """Deletes entries with their files: `take_out` removes those, and returns the relative paths of these.

        The index first: no entry outlives its file.
        """
        intents: list[Path] = []

        def run(connection: sqlite3.Connection) -> None:
            intents.append(self._files.intend(take_out(connection)))

        await self._index.write(run, lambda: self._settle(intents, self._filing.is_known))
        try:
            await self._index.write(lambda connection: self._settle(intents, self._is_known(connection)))
        except (OSError, sqlite3.Error) as error:  # it is deleted; the next start removes the files
            report("archive_files_not_removed", error)
        return Response(status_code=204)

    def _is_known(self, connection: sqlite3.Connection) -> Known:
        """Whether the index has a file, or may have it when the transaction of `connection` ends, however it ends."""
        return lambda path: is_filed(connection, path) or self._filing.is_known(path)

    def _settle(self, intents: list[Path], known: Known) -> None:
        """Removes the files that the index no longer has.

        In the index's writing thread alone: there nobody brings one of them back at the same moment.
        """
        for intent in intents:
            self._files.settle(intent, known)


def _delete(connection: sqlite3.Connection, path: Mapping[str, Any]) -> None:
    study, series, instance = path["study"], path.get("series"), path.get("instance")
    if series is None:
        connection.execute("DELETE FROM studies WHERE study_instance_uid = ?", (study,))
        return
    if instance is not None:
        connection.execute("DELETE FROM instances WHERE sop_instance_uid = ?", (instance,))
        connection.execute(_RECOUNT_SERIES, (series, study))
    left = "" if instance is None else " AND number_of_instances = 0"
    connection.execute(f"DELETE FROM series WHERE {_OF_SERIES}{left}", (series, study))  # noqa: S608  # constants
    connection.execute(_RECOUNT, (study,))
    connection.execute("DELETE FROM studies WHERE study_instance_uid = ? AND number_of_series = 0", (study,))


@transaction(offered=False)
async def not_allowed(_: Request) -> Response:
    """What `DELETE` gets while it is off."""
    raise HTTPException(403, "this archive does not delete: its option allow_delete is off")
