"""Announces studies: once a study was unchanged for a while, its event is posted until it is taken with 204.

What is due is state of the index, not a timer: a study is due while `notified_version < version`. So nothing is lost
with the process, and instances that come later make a new event. An event that is refused holds up no other. A study
without a PatientID has nobody to be announced for: the callback requires one.
"""

import asyncio
import sqlite3
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import orjson
import structlog

from pacs.archive import search
from pacs.archive.faults import report
from pacs.archive.index import Index
from pacs.archive.options import ArchiveOptions
from pacs.attributes import Dataset

log = structlog.get_logger(__name__)

_TIMEOUT_SECONDS = 10.0
_FIRST_RETRY_SECONDS = 0.5
_LAST_RETRY_SECONDS = 30.0
_AT_ONCE = 20
_POLL_SECONDS = 60.0
_TEXTS = (
    "AccessionNumber",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "StudyDescription",
    "PatientBirthDate",
    "PatientSex",
)
_NAMES = ("PatientName", "ReferringPhysicianName")

_DUE = """
    SELECT id, version, study_instance_uid, patient_id, number_of_series, number_of_instances, attributes, changed_at
    FROM studies
    WHERE notified_version < version AND patient_id <> '' AND (changed_at <= ? OR changed_at > ?)
        AND (changed_at, id) > (?, ?)
    ORDER BY changed_at, id LIMIT ?
"""
_NEXT = "SELECT min(changed_at) FROM studies WHERE notified_version < version AND patient_id <> ''"
_TAKEN = "UPDATE studies SET notified_version = max(notified_version, ?), notified_at = ? WHERE id = ?"


@dataclass(frozen=True, slots=True)
class Event:
    """One study to announce, in the state `version`."""

    study: int
    version: int
    body: dict[str, Any]
    changed_at: float


class Notifier:
    """Posts the events of one archive while it runs."""

    def __init__(self, index: Index, options: ArchiveOptions) -> None:
        self._index = index
        self._options = options
        self._changed = asyncio.Event()
        self._taken: dict[int, int] = {}  # versions by study, of events that were taken and could not be remembered
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to announce; does nothing without a URL to announce to."""
        if self._options.notify_url:
            self._task = asyncio.create_task(self._run(self._options.notify_url), name="archive-notifier")

    async def stop(self) -> None:
        """Stops; what was not taken is announced after the next start."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def wake(self) -> None:
        """Tells that studies have changed."""
        self._changed.set()

    async def _run(self, url: str) -> None:
        token = self._options.notify_token
        headers = {"authorization": f"Bearer {token}"} if token else {}
        retry_seconds = _FIRST_RETRY_SECONDS
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, headers=headers, trust_env=False) as client:
            while True:
                try:
                    if await self._announce_due(client, url):
                        retry_seconds = _FIRST_RETRY_SECONDS
                        await self._wait()
                        continue
                except Exception as error:  # whatever it is, what comes later is announced
                    report("archive_notifier_failed", error)
                await asyncio.sleep(retry_seconds)
                retry_seconds = min(retry_seconds * 2, _LAST_RETRY_SECONDS)

    async def _announce_due(self, client: httpx.AsyncClient, url: str) -> bool:
        """Posts everything that is due, the oldest first; whether all of it was taken."""
        self._changed.clear()
        are_taken, behind = True, (0.0, 0)
        while events := await self._index.read(partial(self._due, behind)):
            for event in events:
                are_taken &= await self._post(client, url, event)
            behind = events[-1].changed_at, events[-1].study
        return are_taken

    def _due(self, behind: tuple[float, int], connection: sqlite3.Connection) -> list[Event]:
        """Studies that are stable; one that changed in the future, by a clock that was set back, is as well."""
        now = time.time()
        stable = now - self._options.stable_age_seconds
        rows = connection.execute(_DUE, (stable, now + 1, *behind, _AT_ONCE)).fetchall()
        modalities = search.modalities(connection, [row[0] for row in rows])
        return [self._event(connection, row, modalities[row[0]]) for row in rows]

    def _event(self, connection: sqlite3.Connection, row: tuple[Any, ...], modalities: list[str]) -> Event:
        study, version, study_instance_uid, patient_id, series, instances, attributes, changed_at = row
        dataset = _dataset(attributes)
        body = {
            "SourceID": self._options.source_id,
            "StudyInstanceUID": study_instance_uid,
            "PatientID": patient_id,
            "NumberOfStudyRelatedSeries": series,
            "NumberOfStudyRelatedInstances": instances,
            "ModalitiesInStudy": modalities,
            "AeTitles": _of_series(connection, study, "application_entity"),
            "StationNames": _of_series(connection, study, "station_name"),
            "EventType": "COMPLETED",
            **{keyword: dataset.text(keyword) for keyword in _TEXTS},
            **{keyword: _name(dataset, keyword) for keyword in _NAMES},
        }
        return Event(study, version, body, changed_at)

    async def _post(self, client: httpx.AsyncClient, url: str, event: Event) -> bool:
        """Whether the event was taken and that is remembered; while it cannot be, it is at least not posted again."""
        if self._taken.get(event.study) != event.version:
            if not await self._is_taken(client, url, event):
                return False
            self._taken[event.study] = event.version
        taken = (event.version, time.time(), event.study)
        try:
            await self._index.write(lambda connection: connection.execute(_TAKEN, taken).rowcount)
        except sqlite3.Error as error:
            report("archive_event_not_remembered", error)
            return False
        del self._taken[event.study]
        return True

    @staticmethod
    async def _is_taken(client: httpx.AsyncClient, url: str, event: Event) -> bool:
        try:
            status = (await client.post(url, json=event.body)).status_code
        except httpx.HTTPError as error:
            log.warning("archive_event_not_delivered", reason=type(error).__name__)
            return False
        if status != 204:
            log.warning("archive_event_refused", status=status)
        return status == 204

    async def _wait(self) -> None:
        """Until something may be due."""
        changed_at = await self._index.read(lambda connection: connection.execute(_NEXT).fetchone()[0])
        seconds = _POLL_SECONDS
        if changed_at is not None:
            seconds = min(max(changed_at + self._options.stable_age_seconds - time.time(), 0.01), seconds)
        with suppress(TimeoutError):  # not wait_for: it can lose a cancellation (Python 3.11)
            async with asyncio.timeout(seconds):
                await self._changed.wait()


def _dataset(attributes: bytes) -> Dataset:
    """The attributes of a study; none where they are damaged, for that it has changed is still to be told."""
    try:
        return Dataset(orjson.loads(attributes))
    except orjson.JSONDecodeError as error:
        report("archive_damaged_study", error)
        return Dataset({})


def _of_series(connection: sqlite3.Connection, study: int, column: str) -> list[str]:
    sql = f"SELECT DISTINCT {column} FROM series WHERE study = ? AND {column} <> '' ORDER BY 1"  # noqa: S608  # constant
    return [row[0] for row in connection.execute(sql, (study,))]


def _name(dataset: Dataset, keyword: str) -> str | None:
    """A name as DICOM writes it, its representations divided by `=`."""
    name = dataset.name(keyword)
    if name is None:
        return None
    parts = [name.alphabetic or "", name.ideographic or "", name.phonetic or ""]
    return "=".join(parts).rstrip("=")
