"""Orthanc: what its own REST API tells of its settings, and whether lost events can be found there."""

from urllib.parse import urlsplit

from graph.archives import orthanc_address
from graph.doctor.findings import Finding, Findings, note, ok, problem
from graph.doctor.reasons import trouble
from graph.settings import Settings
from pacs.dicomweb import DicomWeb
from pacs.errors import PacsError
from pacs.orthanc import Orthanc

_UTF8 = "Utf8"


async def examine_orthanc(settings: Settings) -> Findings:
    """At RECONCILE_URL; without one, where the PACS's own root may be, and silent if no Orthanc is there."""
    url = settings.reconcile_url or _root(settings.pacs_url)
    if url is None:
        return
    address = orthanc_address(settings, url)
    web = DicomWeb(address)
    try:
        system = (await web.request("GET", "system")).json()
        if not isinstance(system, dict) or "DicomAet" not in system:
            if settings.reconcile_url:
                yield problem("is not Orthanc", "set RECONCILE_URL to the root of Orthanc's REST API")
            return
        yield ok(f"is Orthanc {str(system.get('Version', ''))[:20]}")
        yield await _encoding(web)
        yield await _changes(web, settings)
    except PacsError as error:
        if settings.reconcile_url:
            yield trouble(error, "RECONCILE", has_credentials=bool(address.username or address.token))
    finally:
        await web.aclose()


def _root(pacs_url: str | None) -> str | None:
    """Of the server that has the DICOMweb root, e.g. http://orthanc:8042/dicom-web."""
    if pacs_url is None:
        return None
    parts = urlsplit(pacs_url)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').rpartition('/')[0]}"


async def _encoding(web: DicomWeb) -> Finding:
    encoding = (await web.request("GET", "tools/default-encoding")).content.decode("latin-1").strip()
    if encoding == _UTF8:
        return ok("DefaultEncoding is Utf8")
    return problem(
        f"DefaultEncoding is {encoding[:20]}: letters beyond it are silently left out of answers",
        'set "DefaultEncoding": "Utf8" in its configuration',
    )


async def _changes(web: DicomWeb, settings: Settings) -> Finding:
    if settings.reconcile_url is None:
        return note(
            "events that its script loses stay lost: RECONCILE_URL is not set",
            "set RECONCILE_URL to Orthanc's own root",
        )
    last = await Orthanc(web).last_change()
    return ok(f"its log of changes can be read, and stands at {last.sequence if last else 0}")
