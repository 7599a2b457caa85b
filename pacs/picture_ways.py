"""The ways to a thumbnail of a PACS's object: made by the PACS where it can, else here; of small ones of Orthanc here.

Three ways, tried in this order: `/thumbnail`, `/rendered?viewport=`, and retrieving the object to render it here. Which
one works is remembered for the whole PACS (Orthanc 1.10 has no `/thumbnail`) and for each series, whose objects are
encoded alike (Orthanc renders no JPEG 2000, no 32-bit dose, no 16-bit colour; measured). An Orthanc is not asked at all
for pictures of its small objects: making them from its files costs less (see `pacs.small_files`), and shows them
through their own windows, which it passes over.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

from cachetools import LRUCache

from pacs.dicomweb import DicomWeb
from pacs.errors import NoPicture, NotFound, PacsFault
from pacs.rendering.request import Rendering
from pacs.small_files import SmallFiles
from pacs.spool import spooled
from pacs.studies import ObjectFile
from pacs.thumbnails import Renderer

JPEG: Final = "image/jpeg"

_LARGEST_OBJECT_BYTES = 1 << 30
_REMEMBERED = 10_000
_PROOFS = 3
_MAGIC = b"\xff\xd8\xff"


@dataclass(frozen=True)
class Thumbnail:
    """A small picture."""

    body: bytes
    content_type: str = JPEG


Retrieve = Callable[[str, str, str], AbstractAsyncContextManager[ObjectFile]]


class PictureWays:
    """Those of one PACS, and which of them leads to pictures."""

    def __init__(self, web: DicomWeb, retrieve: Retrieve, small_files: SmallFiles | None, renderer: Renderer) -> None:
        self._web = web
        self._retrieve = retrieve
        self._small_files = small_files
        self._renderer = renderer
        self._ways: list[Callable[[str, str, str, int], Awaitable[Thumbnail]]] = [
            self._thumbnail,
            self._rendered,
            self._made_here,
        ]
        self._first_way = 0
        self._missing_for: set[str] = set()
        self._way_of_series: LRUCache[str, int] = LRUCache(_REMEMBERED)

    async def make(self, study: str, series: str, instance: str, size: int, *, afresh: bool) -> Thumbnail:
        """A JPEG of at most `size` pixels a side. `NoPicture` says why there is none; and the errors of the PACS.

        `afresh` trusts nothing that was known of the object's file before.
        """
        quick = await self._from_small_file(study, series, instance, size, afresh=afresh)
        if quick is not None:
            return quick
        start = self._way_of_series.get(series, self._first_way)
        missing: list[int] = []
        for number in range(start, len(self._ways)):
            try:
                picture = await self._ways[number](study, series, instance, size)
            except NotFound:
                missing.append(number)
                if number == len(self._ways) - 1:
                    raise
            except PacsFault:
                if number == len(self._ways) - 1:
                    raise
            else:
                self._way_of_series[series] = number
                if self._first_way in missing:
                    self._note_missing(series)
                return picture
        raise NotFound("the PACS has no such object")

    def _note_missing(self, series: str) -> None:
        """The first way was 404 for an object that is there: several times, and the PACS has no such resource."""
        self._missing_for.add(series)
        if len(self._missing_for) >= _PROOFS:
            self._first_way += 1
            self._missing_for.clear()

    async def _thumbnail(self, study: str, series: str, instance: str, size: int) -> Thumbnail:
        return await self._ask(study, series, instance, "thumbnail", size)

    async def _rendered(self, study: str, series: str, instance: str, size: int) -> Thumbnail:
        return await self._ask(study, series, instance, "rendered", size)

    async def _ask(self, study: str, series: str, instance: str, resource: str, size: int) -> Thumbnail:
        """One bare media type: a list of them is 400 for Orthanc (measured)."""
        path = f"studies/{study}/series/{series}/instances/{instance}/{resource}"
        answer = await self._web.request("GET", path, query=f"viewport={size},{size}", headers={"Accept": JPEG})
        if not answer.content.startswith(_MAGIC):
            raise PacsFault("the PACS sent something else than a JPEG")
        return Thumbnail(answer.content)

    async def _from_small_file(
        self, study: str, series: str, instance: str, size: int, *, afresh: bool
    ) -> Thumbnail | None:
        """None where there is no small file, or no picture in it that we know how to make."""
        if self._small_files is None:
            return None
        content = await self._small_files.read(study, series, instance, afresh=afresh)
        if content is None:
            return None
        try:
            return Thumbnail((await self._renderer.render(content, _wanted(size))).body)
        except NoPicture as error:
            if error.transient:
                raise
            self._small_files.leave(series)
            return None

    async def _made_here(self, study: str, series: str, instance: str, size: int) -> Thumbnail:
        async with spooled(self._retrieve(study, series, instance), most_bytes=_LARGEST_OBJECT_BYTES) as path:
            return Thumbnail((await self._renderer.render(path, _wanted(size))).body)


def _wanted(size: int) -> Rendering:
    return Rendering(viewport=(size, size), content_type=JPEG, thumbnail=True)
