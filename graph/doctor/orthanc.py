"""Orthanc: what its own REST API tells of its settings, and whether lost events can be found there."""

from graph.archives import orthanc_address, pacs_address
from graph.doctor.findings import Finding, Findings, note, ok, problem
from graph.doctor.reasons import trouble
from graph.settings import Settings
from pacs.address import PacsAddress
from pacs.dicomweb import DicomWeb
from pacs.errors import PacsError
from pacs.orthanc.api import Orthanc, api_address

_UTF8 = "Utf8"


async def examine_orthanc(settings: Settings) -> Findings:
    """At RECONCILE_URL; without one, where the PACS's own root may be, and silent if no Orthanc is there."""
    address = _address(settings)
    if address is None:
        return
    web = DicomWeb(address)
    try:
        version = await Orthanc(web).version()
        if version is None:
            if settings.reconcile_url:
                yield problem("is not Orthanc", "set RECONCILE_URL to the root of Orthanc's REST API")
            return
        yield ok(f"is Orthanc {version[:20]}")
        yield await _encoding(web)
        yield await _changes(web, settings)
    except PacsError as error:
        if settings.reconcile_url:
            yield trouble(error, "RECONCILE", has_credentials=bool(address.username or address.token))
    finally:
        await web.aclose()


def _address(settings: Settings) -> PacsAddress | None:
    if settings.reconcile_url:
        return orthanc_address(settings, settings.reconcile_url)
    return api_address(pacs_address(settings)) if settings.pacs_url else None


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
