"""A DICOM server with some services on a free port, and an association to it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from pydicom import config
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pynetdicom.association import Association

from pacs.archive.dimse.options import DimseOptions
from pacs.archive.dimse.server import DimseServer
from pacs.archive.dimse.service import Service
from tests.requestor import requestor


@asynccontextmanager
async def listening(*services: Service, **options: Any) -> AsyncIterator[int]:
    """The port of a server with these services."""
    server = DimseServer(DimseOptions(port=0, **options), services)
    await server.start()
    try:
        yield server.port
    finally:
        await server.stop()


@contextmanager
def associated(port: int, *abstract_syntaxes: str, ae_title: str = "SCANNER", **options: Any) -> Iterator[Association]:
    """An association that proposes these classes."""
    entity = requestor(ae_title)
    for syntax in abstract_syntaxes:
        entity.add_requested_context(syntax)
    association = entity.associate("127.0.0.1", port, **options)
    assert association.is_established
    try:
        yield association
    finally:
        association.release()


async def find(port: int, abstract_syntax: str, identifier: Dataset) -> tuple[int, list[Dataset]]:
    """The final status of a C-FIND, and what was found."""

    def run() -> tuple[int, list[Dataset]]:
        with associated(port, abstract_syntax) as association:
            answers = list(association.send_c_find(identifier, abstract_syntax))
            found = [dataset for _, dataset in answers if dataset is not None]
            return answers[-1][0].Status, found

    return await asyncio.to_thread(run)


def dataset(**values: Any) -> Dataset:
    """A dataset of keywords, lists of dictionaries for sequences; invalid values are no hindrance."""
    made = Dataset()
    for keyword, value in values.items():
        tag = Tag(keyword)
        vr = dictionary_VR(tag)
        given = [dataset(**item) for item in value] if vr == "SQ" else value
        made[tag] = DataElement(tag, vr, given, validation_mode=config.IGNORE)
    return made
