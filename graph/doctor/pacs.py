"""The PACS: can it be reached, and how does it search and retrieve?"""

import time
from dataclasses import dataclass, replace

from graph.archives import pacs_address
from graph.doctor.findings import Finding, Findings, note, ok, problem
from graph.doctor.pictures import examine_pictures
from graph.doctor.reasons import trouble
from graph.settings import Settings
from pacs.address import PacsAddress
from pacs.attributes import Dataset
from pacs.decoding import decodes_queries
from pacs.dicomweb import DicomWeb
from pacs.errors import NotFound, PacsError, PacsFault
from pacs.orthanc.api import Orthanc
from pacs.queries import Match
from pacs.studies import Studies
from pacs.uids import is_uid

_ROWS = 100
_BELOW = {"series": ("StudyInstanceUID", "SeriesInstanceUID"), "instances": ("SeriesInstanceUID", "SOPInstanceUID")}


@dataclass(frozen=True)
class Place:
    """An object of the PACS that may be tried on."""

    study: str
    series: str
    instance: str


async def examine_pacs(settings: Settings) -> Findings:
    """Reads only. `settings` must name a PACS, or the socket of an embedded one."""
    address = pacs_address(settings)
    web = DicomWeb(address)
    try:
        started = time.perf_counter()
        try:
            rows = [Dataset(row) for row in await web.search("studies", f"limit={_ROWS}")]
        except PacsError as error:
            yield await _orthancs_own_root(web, error) or trouble(
                error, "PACS", has_credentials=bool(address.username or address.token)
            )
            return
        yield ok(f"reachable, answers a search in {(time.perf_counter() - started) * 1000:.0f} ms")
        if address.socket is None:
            yield await _credentials(address)
        if not rows:
            yield note("has no studies: how it searches and retrieves can not be told", "run doctor again with a study")
            return
        async for finding in _examine(web, rows):
            yield finding
    except PacsError as error:
        yield trouble(error, "PACS", has_credentials=True)
    finally:
        await web.aclose()


async def _examine(web: DicomWeb, rows: list[Dataset]) -> Findings:
    yield await _decoding(web)
    yield _letters(rows)
    place = await _place(web, rows[0].text("StudyInstanceUID") or "")
    if place is None:
        yield problem("gives no series and instances of its first study", "check what its user may see")
        return
    yield await _patients_below(web, place)
    async for finding in examine_pictures(web, place.study, place.series, place.instance):
        yield finding
    yield await _retrieve(web, place)


async def _orthancs_own_root(web: DicomWeb, error: PacsError) -> Finding | None:
    """The finding that this is the trouble; None when it is not."""
    if not isinstance(error, NotFound | PacsFault):
        return None
    try:
        version = await Orthanc(web).version()
    except PacsError:
        return None
    url = web.address.url
    return problem("is Orthanc's own root, not its DICOMweb's", f"set PACS_URL={url}/dicom-web") if version else None


async def _credentials(address: PacsAddress) -> Finding:
    if not address.username and not address.token:
        return note("lets anybody in", "let the PACS ask for credentials, unless nobody else can reach it")
    stranger = DicomWeb(replace(address, username=None, password=None, token=None))
    try:
        await stranger.search("studies", "limit=1")
    except PacsError:
        return ok("accepts the credentials, and nobody without")
    finally:
        await stranger.aclose()
    return note("lets anybody in, also without the credentials", "let the PACS ask for credentials")


async def _decoding(web: DicomWeb) -> Finding:
    if await decodes_queries(web):
        return ok("decodes query strings: any Patient ID is searched for exactly")
    return note(
        "does not percent-decode query strings, as Orthanc before 1.13: for Patient IDs with spaces, wildcards or "
        "letters beyond ASCII it is asked for more, and its answer filtered here",
        "prefer a newer version where there are many such IDs",
    )


def _letters(rows: list[Dataset]) -> Finding:
    texts = [str(row.json) for row in rows]
    if any("\N{REPLACEMENT CHARACTER}" in text for text in texts):
        return problem(
            "loses letters: names come with replacement characters", "set its default character set to UTF-8"
        )
    if any(not text.isascii() for text in texts):
        return ok("gives letters beyond ASCII")
    return note(f"has only ASCII in the first {len(rows)} studies: its character set can not be told", "try --store")


async def _place(web: DicomWeb, study: str) -> Place | None:
    uids = [study]
    for resource, (parent, child) in _BELOW.items():
        if not is_uid(uids[-1], lenient=True):
            return None
        rows = await web.search(resource, f"{parent}={uids[-1]}&limit=1")
        uids.append(Dataset(rows[0]).text(child) or "" if rows else "")
    return Place(*uids) if is_uid(uids[-1], lenient=True) else None


async def _patients_below(web: DicomWeb, place: Place) -> Finding:
    uids = ("StudyInstanceUID", [place.study])
    rows = await Studies(web).search("series", Match({}), include={"PatientID"}, uids=uids)
    if rows and all("PatientID" in row for row in rows):
        return ok("gives the Patient ID with series, when asked (includefield)")
    return note("ignores includefield=PatientID with series: whose they are is asked of the study, one request more")


async def _retrieve(web: DicomWeb, place: Place) -> Finding:
    size, started = 0, time.perf_counter()
    try:
        async with Studies(web).retrieve(place.study, place.series, place.instance) as file:
            async for chunk in file.chunks:
                size += len(chunk)
    except PacsError as error:
        return problem(f"an object cannot be retrieved: {error}", "check WADO-RS at PACS_URL")
    return ok(f"an object of {size:,} bytes came whole in {(time.perf_counter() - started) * 1000:.0f} ms")
