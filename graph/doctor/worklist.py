"""The worklist: whose is it, and which dialect is spoken there?"""

from graph.archives import pacs_address, worklist_address
from graph.doctor.findings import Findings, note, ok, problem
from graph.doctor.reasons import trouble
from graph.settings import Settings
from pacs.address import PacsAddress
from pacs.dicomweb import DicomWeb
from pacs.errors import BadQuery, NotFound, PacsError, PacsFault
from pacs.worklist.dialects import DIALECT_NAMES, DialectName, has_worklist, open_worklist
from pacs.worklist.protocol import WorkitemSearch

_NOBODY = WorkitemSearch(patient_id="DICOM-GRAPH-DOCTOR")
_SETTABLE = [name for name in DIALECT_NAMES if name != "embedded"]


async def examine_worklist(settings: Settings) -> Findings:
    """Searches only, for a patient that nobody has."""
    if settings.worklist_url is not None:
        async for finding in _named(worklist_address(settings, settings.worklist_url), settings.worklist_dialect):
            yield finding
    elif settings.pacs_url is not None:
        async for finding in _of_pacs(pacs_address(settings)):
            yield finding
    else:
        yield ok("the embedded PACS has it")


async def _named(address: PacsAddress, dialect: DialectName) -> Findings:
    web = DicomWeb(address)
    try:
        await open_worklist(web, dialect).search(_NOBODY, first=1)
        yield ok(f"answers a search in the dialect {dialect}")
    except (NotFound, PacsFault, BadQuery) as error:
        others = [name for name in _SETTABLE if name != dialect and await _speaks(web, name)]
        advice = f"set WORKLIST_DIALECT={others[0]}" if others else "check WORKLIST_URL"
        yield problem(f"does not speak the dialect {dialect}: {error}", advice)
    except PacsError as error:
        yield trouble(error, "WORKLIST", has_credentials=bool(address.username or address.token))
    finally:
        await web.aclose()


async def _of_pacs(address: PacsAddress) -> Findings:
    web = DicomWeb(address)
    try:
        if await has_worklist(web):
            yield ok("the PACS has one (UPS-RS), which is used")
        else:
            yield note(
                "the PACS has none: the embedded one is used, which is this machine's alone",
                "set WORKLIST_URL where several replicas serve",
            )
    except PacsError:
        yield note("can not be told while the PACS cannot be asked")
    finally:
        await web.aclose()


async def _speaks(web: DicomWeb, dialect: DialectName) -> bool:
    try:
        await open_worklist(web, dialect).search(_NOBODY, first=1)
    except (PacsError, BadQuery):
        return False
    return True
