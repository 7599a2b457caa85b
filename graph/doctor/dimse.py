"""The DICOM network: which services are offered there."""

from graph.doctor.findings import Findings, note, ok
from graph.settings import Settings


async def examine_dimse(settings: Settings) -> Findings:
    """From the settings alone."""
    if settings.dimse_port is None:
        yield ok("not offered: DIMSE_PORT is not set")
    elif settings.pacs_url is None:
        yield ok(f"the embedded PACS is offered as {settings.dimse_ae_title}, port {settings.dimse_port}")
    else:
        yield note(
            f"{settings.dimse_ae_title}, port {settings.dimse_port}: only Verification, worklist and MPPS are offered, "
            "since the images are in your PACS",
            "let modalities store to your PACS itself",
        )
