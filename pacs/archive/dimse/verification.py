"""Verification (PS3.4 Annex A): is anybody there?"""

from pynetdicom import evt
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at import

from pacs.archive.dimse.service import Offered, Service

_SUCCESS = 0x0000


def verification_service() -> Service:
    """Answers every C-ECHO."""
    return Service(
        contexts=(Offered(abstract_syntax=Verification),),
        handlers={evt.EVT_C_ECHO: lambda _: _SUCCESS},
    )
