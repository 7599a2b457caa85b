"""Orthanc's own REST API: its log of changes, and what a study is at this moment, in the words of an announcement."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pacs.address import PacsAddress
from pacs.dicomweb import DicomWeb
from pacs.errors import NotFound, PacsFault
from pacs.orthanc.changes import Change, Changes
from pacs.orthanc.json import identifier, mapping, odd, text

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
        return text(system.get("Version")) if "DicomAet" in system else None

    async def changes(self, after: int, limit: int) -> Changes:
        """At most `limit` changes behind number `after`."""
        return Changes.parse(await self._get(f"changes?since={after}&limit={limit}"), after)

    async def last_change(self) -> Change | None:
        """The newest entry; None for an empty log."""
        entries = Changes.parse(await self._get("changes?last"), 0).entries
        return entries[-1] if entries else None

    async def study_of(self, instance: str) -> tuple[str, frozenset[str]] | None:
        """The study of an instance, and all instances of its series, which need no asking; None when it is gone."""
        try:
            parent = (await self._get(f"instances/{instance}")).get("ParentSeries")
            series = await self._get(f"series/{identifier(parent)}")
        except NotFound:
            return None
        return identifier(series.get("ParentStudy")), frozenset({instance, *_instances(series)})

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
        tags = [mapping(one.get("MainDicomTags")) for one in series]
        return {
            "EventType": "COMPLETED",
            "SourceID": source,
            "StudyStateID": f"{study}:{text(after.get('LastUpdate'))}:{instances}",
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
            return text((await self._get(f"instances/{instances[0]}/metadata?expand")).get("RemoteAET"))
        except NotFound:
            return ""

    async def _get(self, path: str) -> Mapping[str, Any]:
        return mapping(await self._json(path))

    async def _get_list(self, path: str) -> list[Mapping[str, Any]]:
        found = await self._json(path)
        if not isinstance(found, list):
            raise odd()
        return [mapping(one) for one in found]

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


def _instances(series: Mapping[str, Any]) -> list[str]:
    found = series.get("Instances")
    return [identifier(one) for one in found] if isinstance(found, list) else []


def _copied(fields: Iterable[str], tags: object) -> dict[str, str]:
    found = mapping(tags)
    return {field: text(found.get(field)) for field in fields}


def _several(values: Iterable[object]) -> str:
    """The different values, as DICOM writes many."""
    return "\\".join(dict.fromkeys(one for one in map(text, values) if one))
