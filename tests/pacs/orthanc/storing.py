"""Storing in a PACS that does as a test says, and what it was asked for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO

from pacs import part10
from pacs.adapter import Pacs
from pacs.errors import PacsError
from pacs.stow import NewObject
from tests.pacs.scripted import Script, ScriptedPacs, scripted_pacs
from tests.samples import Sample


@asynccontextmanager
async def behind(script: Script) -> AsyncIterator[tuple[Pacs, ScriptedPacs]]:
    """The adapter to a PACS that does as the script says."""
    async with scripted_pacs(script) as server:
        pacs = Pacs(server.address())
        try:
            yield pacs, server
        finally:
            await pacs.aclose()


async def stored(pacs: Pacs, *images: Sample) -> list[PacsError | None]:
    """What becomes of each."""
    files = [BytesIO(image.content) for image in images]
    sizes = [len(image.content) for image in images]
    return await pacs.store(
        [NewObject(file, size, part10.check(file, size)) for file, size in zip(files, sizes, strict=True)]
    )


def paths(server: ScriptedPacs) -> list[str]:
    """What was asked for, in order, without queries."""
    return [target.partition("?")[0] for target in server.targets]
