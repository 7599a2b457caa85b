"""The dialects by the names that the settings use, and how to tell whether a PACS has a worklist."""

from collections.abc import Callable
from typing import Literal, get_args

from pacs.dicomweb import DicomWeb
from pacs.errors import NotFound, PacsFault
from pacs.worklist.claims import LocalClaims
from pacs.worklist.mwl_dcm4chee import Dcm4cheeMwlWorklist
from pacs.worklist.orthanc import OrthancWorklist
from pacs.worklist.protocol import Claim, WorklistDialect
from pacs.worklist.ups import UpsWorklist
from pacs.worklist.ups_dcm4chee import DCM4CHEE
from pacs.worklist.ups_habits import EMBEDDED

DialectName = Literal["ups", "ups-dcm4chee", "mwl-dcm4chee", "orthanc", "embedded"]
"""`embedded` is `ups` with what only the embedded PACS promises: answers in the list's order."""

_DIALECTS: dict[DialectName, Callable[[DicomWeb, Claim], WorklistDialect]] = {
    "ups": lambda web, _: UpsWorklist(web),
    "ups-dcm4chee": lambda web, _: UpsWorklist(web, DCM4CHEE),
    "mwl-dcm4chee": Dcm4cheeMwlWorklist,
    "orthanc": OrthancWorklist,
    "embedded": lambda web, _: UpsWorklist(web, EMBEDDED),
}
DIALECT_NAMES: tuple[DialectName, ...] = get_args(DialectName)


def open_worklist(web: DicomWeb, dialect: DialectName, claim: Claim | None = None) -> WorklistDialect:
    """The worklist at `web`. `claim` keeps creates of one study apart where the PACS does not: see `claims`."""
    return _DIALECTS[dialect](web, claim or LocalClaims())


async def has_worklist(web: DicomWeb) -> bool:
    """Whether the DICOMweb server has a Worklist Service: it answers a search of it as one.

    Raises the errors of `pacs.errors` when the server cannot be asked, which is no answer.
    """
    try:
        await web.search("workitems", "limit=1")
    except (NotFound, PacsFault):
        return False
    return True
