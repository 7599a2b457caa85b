"""A PACS that changes behind the back of the one who reads it, and knows what it was asked."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from pacs.adapter import Pacs
from pacs.address import PacsAddress
from pacs.archive.app import create_archive
from pacs.archive.options import ArchiveOptions
from pacs.attributes import Dataset
from pacs.caching.states import SeriesRef
from pacs.dicomweb import DicomWeb
from tests.pacs.archive.serving import serving, stow_body
from tests.samples import Sample

T = TypeVar("T")
FIELDS = frozenset({"InstanceNumber", "Rows", "SOPClassUID"})


@dataclass
class Behind:
    """`address` is what the reader is given; `remove` deletes an instance, `asked` has the requests of the reader."""

    address: PacsAddress
    root: str
    client: httpx.AsyncClient
    remove: Callable[[Sample], Awaitable[None]]
    asked: list[str] = field(default_factory=list)

    async def store(self, *images: Sample) -> None:
        """STOW-RS, by somebody else."""
        content_type, body = stow_body(*(image.content for image in images))
        answer = await self.client.post(f"{self.root}/studies", content=body, headers={"content-type": content_type})
        assert answer.status_code == 200, answer.text


@asynccontextmanager
async def embedded(data_dir: Path) -> AsyncIterator[Behind]:
    """The embedded PACS."""
    archive: Any = create_archive(ArchiveOptions(data_dir=data_dir, allow_delete=True))
    async with serving(archive) as url, httpx.AsyncClient() as client:
        root = f"{url}/dicom-web"

        async def remove(image: Sample) -> None:
            path = f"studies/{image.study}/series/{image.series}/instances/{image.instance}"
            (await client.delete(f"{root}/{path}")).raise_for_status()

        address = PacsAddress(root, decodes_queries=True, tells_conflicts=True, tells_updates=True, tells_tables=True)
        yield Behind(address, root, client, remove)


class Held:
    """Holds what searches for `resource` found until they may tell it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, resource: str) -> None:
        self.found = asyncio.Event()
        self.may_tell = asyncio.Event()
        self.times = 0
        read = DicomWeb.read

        async def hold(web: DicomWeb, path: str, of: Any, **options: Any) -> Any:
            found = await read(web, path, of, **options)
            if path == resource:
                self.times += 1
                self.found.set()
                await self.may_tell.wait()
            return found

        monkeypatch.setattr(DicomWeb, "read", hold)

    async def twice(self, read: Callable[[], Awaitable[T]], change: Callable[[], Awaitable[object]]) -> list[T]:
        """What is read by one who found it before the change, and by one who came while that was not told yet."""
        first = asyncio.ensure_future(read())
        await self.found.wait()
        await change()
        second = asyncio.ensure_future(read())
        await asyncio.sleep(0.3)  # until the second waits for the first, if it does
        self.may_tell.set()
        return [await first, await second]


async def tree(pacs: Pacs, image: Sample, patient_id: str | None = None) -> list[Dataset]:
    """The instances of the image's study, as a query from study to instance reads them."""
    patient = patient_id or image.patient_id
    rows = await pacs.series_with(patient, [image.study], {"SeriesInstanceUID"})
    refs = [SeriesRef(image.study, row.text("SeriesInstanceUID") or "", row) for row in rows]
    return [one for own in (await pacs.instances(patient, refs, FIELDS)).values() for one in own]


async def alone(pacs: Pacs, image: Sample, patient_id: str | None = None) -> list[Dataset]:
    """The instances of the image's series, as a query for one series reads them."""
    patient = patient_id or image.patient_id
    series = SeriesRef(image.study, image.series)
    return list((await pacs.instances(patient, [series], FIELDS)).get(series.place, []))
