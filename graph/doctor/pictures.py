"""Who makes the pictures: the PACS, or this service?"""

from graph.doctor.findings import Findings, note, ok
from pacs.dicomweb import DicomWeb
from pacs.errors import PacsError
from pacs.picture_ways import JPEG

_RESOURCES = ("thumbnail", "rendered")
_JPEG_MAGIC = b"\xff\xd8\xff"


async def examine_pictures(web: DicomWeb, study: str, series: str, instance: str) -> Findings:
    """Asks for a small picture of one object, in the ways that PS3.18 §10.4 has."""
    path = f"studies/{study}/series/{series}/instances/{instance}"
    made = [resource for resource in _RESOURCES if await _is_made(web, f"{path}/{resource}")]
    if made:
        yield ok(f"makes pictures (/{', /'.join(made)})")
    else:
        yield note("made no picture of the object that was tried: thumbnails are made here, from retrieved objects")


async def _is_made(web: DicomWeb, path: str) -> bool:
    try:
        answer = await web.request("GET", path, query="viewport=64,64", headers={"Accept": JPEG})
    except PacsError:
        return False
    return answer.content.startswith(_JPEG_MAGIC)
