"""Orthanc's own REST API: its log of changes, and what a study is at this moment, in the words of an announcement.

Measured on 1.10.1: the log holds every new instance, but `StableStudy` only if Orthanc was not restarted within
StableAge; `Done` is false while more follows; an administrator may clear the log, after which numbers go on; an object
that is sent again unchanged leaves no trace.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from pacs.address import PacsAddress
from pacs.dicomweb import DicomWeb
from pacs.errors import NotFound, PacsFault

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{8}){4}")
_STUDY_FIELDS = (
    "StudyInstanceUID",
    "AccessionNumber",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "ReferringPhysicianName",
    "StudyDescription",
)
_PATIENT_FIELDS = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex")

Level = Literal["studies", "instances"]
_OF_EXAMS: Mapping[str, Level] = {"NewInstance": "instances", "NewStudy": "studies", "StableStudy": "studies"}


@dataclass(frozen=True)
class Change:
    """One entry of the log. `level` and `id` name what changed; `level` is None for what makes no exam."""

    sequence: int
    date: str
    """As `20261121T051237`, in UTC."""
    level: Level | None
    id: str


@dataclass(frozen=True)
class Changes:
    """A page of the log, in its order, and whether more follows."""

    entries: tuple[Change, ...]
    is_done: bool


class Orthanc:
    """What one Orthanc has. `web` leads to the root of its REST API; methods raise the errors of `pacs.errors`."""

    def __init__(self, web: DicomWeb) -> None:
        self._web = web

    async def version(self) -> str | None:
        """As it says, e.g. `1.10.1`; None when it is no Orthanc that answers."""
        try:
            system = await self._get("system")
        except PacsFault:
            return None
        return _text(system.get("Version")) if "DicomAet" in system else None

    async def changes(self, after: int, limit: int) -> Changes:
        """At most `limit` changes behind number `after`."""
        return _changes(await self._get(f"changes?since={after}&limit={limit}"), after)

    async def last_change(self) -> Change | None:
        """The newest entry; None for an empty log."""
        entries = _changes(await self._get("changes?last"), 0).entries
        return entries[-1] if entries else None

    async def study_of(self, instance: str) -> tuple[str, frozenset[str]] | None:
        """The study of an instance, and all instances of its series, which need no asking; None when it is gone."""
        try:
            series = await self._get(f"series/{_id((await self._get(f'instances/{instance}')).get('ParentSeries'))}")
        except NotFound:
            return None
        return _id(series.get("ParentStudy")), frozenset({instance, *_instances(series)})

    async def announcement(self, study: str, source: str) -> dict[str, str] | None:
        """The callback's fields for a study that is stable; None while more of it may come.

        StudyStateID says which state of the study this is, in the same characters as `deploy/orthanc`'s script. Raises
        `NotFound` when the study is gone.
        """
        before = await self._get(f"studies/{study}")
        if not before.get("IsStable"):
            return None
        series = await self._get_list(f"studies/{study}/series")
        senders = await asyncio.gather(*map(self._sender, series))
        after = await self._get(f"studies/{study}")
        if not after.get("IsStable") or after.get("LastUpdate") != before.get("LastUpdate"):
            return None
        instances = sum(len(_instances(one)) for one in series)
        tags = [_mapping(one.get("MainDicomTags")) for one in series]
        return {
            "EventType": "COMPLETED",
            "SourceID": source,
            "StudyStateID": f"{study}:{_text(after.get('LastUpdate'))}:{instances}",
            "ModalitiesInStudy": _several(one.get("Modality") for one in tags),
            "AeTitles": _several(senders),
            "StationNames": _several(one.get("StationName") for one in tags),
            "NumberOfStudyRelatedSeries": str(len(series)),
            "NumberOfStudyRelatedInstances": str(instances),
            **_copied(_STUDY_FIELDS, after.get("MainDicomTags")),
            **_copied(_PATIENT_FIELDS, after.get("PatientMainDicomTags")),
        }

    async def _sender(self, series: Mapping[str, Any]) -> str:
        """The station that sent a series: known for what came by C-STORE, not for what came over HTTP."""
        instances = _instances(series)
        if not instances:
            return ""
        try:
            return _text((await self._get(f"instances/{instances[0]}/metadata?expand")).get("RemoteAET"))
        except NotFound:
            return ""

    async def _get(self, path: str) -> Mapping[str, Any]:
        return _mapping(await self._json(path))

    async def _get_list(self, path: str) -> list[Mapping[str, Any]]:
        found = await self._json(path)
        if not isinstance(found, list):
            raise _odd()
        return [_mapping(one) for one in found]

    async def _json(self, path: str) -> Any:
        path, _, query = path.partition("?")
        return (await self._web.request("GET", path, query=query)).json()


def api_address(pacs: PacsAddress) -> PacsAddress | None:
    """Where Orthanc has its REST API if `pacs` is its DICOMweb plugin: one step above; None where there is no above."""
    parts = urlsplit(pacs.url)
    above, slash, _ = parts.path.rstrip("/").rpartition("/")
    if pacs.socket is not None or not slash:
        return None
    return replace(pacs, url=urlunsplit((parts.scheme, parts.netloc, above, "", "")))


def _changes(page: Mapping[str, Any], after: int) -> Changes:
    found = page.get("Changes")
    if not isinstance(found, list):
        raise _odd()
    entries = tuple(_change(_mapping(one)) for one in found)
    numbers = [after, *(entry.sequence for entry in entries)]
    if any(first >= second for first, second in pairwise(numbers)):
        raise _odd()
    return Changes(entries, is_done=page.get("Done") is not False or not entries)


def _change(entry: Mapping[str, Any]) -> Change:
    sequence = entry.get("Seq")
    if not isinstance(sequence, int):
        raise _odd()
    level = _OF_EXAMS.get(_text(entry.get("ChangeType")))
    return Change(sequence, _text(entry.get("Date")), level, _id(entry.get("ID")) if level else "")


def _id(value: object) -> str:
    """An Orthanc identifier, fit to stand in a path."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise _odd()
    return value


def _instances(series: Mapping[str, Any]) -> list[str]:
    found = series.get("Instances")
    return [_id(one) for one in found] if isinstance(found, list) else []


def _copied(fields: Iterable[str], tags: object) -> dict[str, str]:
    found = _mapping(tags)
    return {field: _text(found.get(field)) for field in fields}


def _several(values: Iterable[object]) -> str:
    """The different values, as DICOM writes many."""
    return "\\".join(dict.fromkeys(text for text in map(_text, values) if text))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _odd()
    return value


def _odd() -> PacsFault:
    return PacsFault("this is not how Orthanc's REST API answers")
