"""A worklist over the REST API of Orthanc's worklists plugin. Not run against a real one (Debian 12 has none).

Its root is Orthanc's own, e.g. `http://orthanc:8042`. Sources: https://orthanc.uclouvain.be/book/plugins/
worklists-plugin-new.html (paths, `Tags`, `format`), and the plugin's Plugin.cpp for the answers' shape. The plugin
keeps entries only: each is SCHEDULED until it is deleted, by us or (`DeleteWorklistsOnStableStudy`) by the plugin.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from pacs import workitem_mwl
from pacs.attributes import Dataset
from pacs.dicomweb import DicomWeb
from pacs.errors import PacsFault
from pacs.workitem import Workitem, WorkitemState
from pacs.workitem_fields import FIELDS, MWL, Field, Values
from pacs.worklist.claims import LocalClaims
from pacs.worklist.paging import collect, cut
from pacs.worklist.protocol import Claim, Position, WorkitemPage, WorkitemSearch, of_study
from pacs.worklist.refusals import already_scheduled, not_made, nothing_scheduled

_STEP = "ScheduledProcedureStepSequence"
_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_REFUSALS = frozenset({400, 404})
_JSON = {"Content-Type": "application/json"}

Tags = Mapping[str, Any]


class OrthancWorklist:
    """See `WorklistDialect`. A `Claim` keeps two creates of one study apart: the plugin takes any number."""

    def __init__(self, web: DicomWeb, claim: Claim | None = None) -> None:
        self._web = web
        self._claim = claim or LocalClaims()

    async def create(self, values: Values) -> Workitem:
        """See `WorklistDialect`."""
        study = str(values["StudyInstanceUID"][0])
        async with self._claim(study):
            if await self._of_study(study):
                raise already_scheduled()
            content = orjson.dumps({"Tags": _tags(values)})
            answer = await self._web.request(
                "POST", "worklists/create", headers=_JSON, content=content, accept_errors=_REFUSALS
            )
        if answer.status >= 400:
            raise not_made(answer.status)
        name = answer.json().get("ID")
        return Workitem(WorkitemState.SCHEDULED, Dataset(workitem_mwl.write(values)), resource=name)

    async def search(self, search: WorkitemSearch, *, first: int, after: Position | None = None) -> WorkitemPage:
        """See `WorklistDialect`. The plugin lists everything it has: what is not asked for is left out here."""
        everything = await self._list()

        async def fetch(offset: int, _limit: int) -> list[Workitem]:
            return everything[offset:]

        return cut(await collect(fetch, search, first=first, after=after, newest_first=False), first)

    async def find(self, study_instance_uid: str) -> Workitem | None:
        """See `WorklistDialect`."""
        return of_study(await self._of_study(study_instance_uid))

    async def delete(self, study_instance_uid: str) -> None:
        """See `WorklistDialect`."""
        found = await self._of_study(study_instance_uid)
        gone = [await self._delete(one.resource) for one in found if one.resource]
        if not any(gone):
            raise nothing_scheduled()

    async def _delete(self, name: str) -> bool:
        return (await self._web.request("DELETE", f"worklists/{name}", accept_errors=frozenset({404}))).status != 404

    async def _list(self) -> list[Workitem]:
        entries = (await self._web.request("GET", "worklists/", query="format=Simplify")).json()
        if not isinstance(entries, list):
            raise PacsFault("the PACS answered with something else than a list of worklists")
        return [
            _workitem(entry) for entry in entries if isinstance(entry, dict) and isinstance(entry.get("Tags"), dict)
        ]

    async def _of_study(self, study: str) -> list[Workitem]:
        return [one for one in await self._list() if one.study_instance_uid == study]


def _tags(values: Values) -> Tags:
    """The entry as Orthanc takes it: keywords and texts, several values divided by backslashes."""
    full = workitem_mwl.complete(values)
    entry = workitem_mwl.read(full)
    root, step = ({field.keyword: _text(field, entry) for field in FIELDS if field.mwl is place} for place in MWL)
    return {"SpecificCharacterSet": "ISO_IR 192", **root, _STEP: [step]}


def _text(field: Field, values: Values) -> str:
    texts = (_person(value) if field.vr == "PN" else str(value) for value in values.get(field.keyword, []))
    return "\\".join(texts)


def _person(value: Mapping[str, str]) -> str:
    return "=".join(value.get(group, "") for group in _NAME_GROUPS).rstrip("=")


def _workitem(entry: Mapping[str, Any]) -> Workitem:
    root = entry["Tags"]
    steps = root.get(_STEP)
    step = steps[0] if isinstance(steps, list) and steps and isinstance(steps[0], dict) else {}
    places: dict[MWL, Tags] = {MWL.ROOT: root, MWL.STEP: step}
    found = {field.keyword: _values(field, places[field.mwl].get(field.keyword)) for field in FIELDS}
    return Workitem(WorkitemState.SCHEDULED, Dataset(workitem_mwl.write(found)), resource=str(entry.get("ID") or ""))


def _values(field: Field, text: object) -> list[Any]:
    if not isinstance(text, str) or not text.strip():
        return []
    texts = text.split("\\") if field.many else [text]
    if field.vr == "PN":
        groups = zip(_NAME_GROUPS, text.split("="), strict=False)
        return [{kind: group for kind, group in groups if group}]
    if field.vr == "US":
        return [int(one) for one in texts if one.strip().isdecimal()]
    return texts
