"""Does a server percent-decode query strings? It is asked once, when a search needs to know."""

import asyncio
from urllib.parse import quote

from pacs.attributes import Dataset
from pacs.dicomweb import DicomWeb
from pacs.errors import NotFound, PacsFault


async def decodes_queries(web: DicomWeb) -> bool | None:
    """Whether a study is found by a UID whose dots are percent-encoded; None for a server without studies.

    Measured: Orthanc 1.10 and 1.12 do not find it, 1.13 does, as RFC 3986 §2.4 wants.
    """
    for study in map(Dataset, await web.search("studies", "limit=1")):
        uid = study.text("StudyInstanceUID") or ""
        if "." not in uid:
            continue
        encoded = quote(uid).replace(".", "%2E")
        try:
            found = await web.search("studies", f"StudyInstanceUID={encoded}&limit=1")
        except (NotFound, PacsFault):  # the server complains of what it takes literally
            return False
        return any(Dataset(row).text("StudyInstanceUID") == uid for row in found)
    return None


class Decoding:
    """What is known of one server. `known` is told by whoever knows; else the server is asked until it has shown."""

    def __init__(self, web: DicomWeb, *, known: bool) -> None:
        self._web = web
        self._answer: bool | None = known or None
        self._asking = asyncio.Lock()

    @property
    def is_known(self) -> bool:
        """Whether the server is known to decode."""
        return self._answer is True

    async def ask(self) -> bool:
        """Whether the server decodes; no, as long as it has nothing to show it by."""
        async with self._asking:
            if self._answer is None:
                self._answer = await decodes_queries(self._web)
            return self._answer is True
