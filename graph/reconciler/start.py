"""The reconciler that the settings ask for."""

from contextlib import AsyncExitStack

from graph.access import Identity, Role
from graph.access_records.actions import ANNOUNCE_EXAM
from graph.access_records.trail import Trail
from graph.archives import orthanc_address
from graph.context import Services
from graph.reconciler.reconciler import Reconciler
from pacs.announcement import Announcement
from pacs.dicomweb import DicomWeb
from pacs.orthanc.api import Orthanc

RECONCILER = Identity("reconciler", Role.INTEGRATION)
"""Who announces what the PACS did not, in access records."""


async def start_reconciler(services: Services, stack: AsyncExitStack) -> None:
    """Starts it where RECONCILE_URL is set; `stack` stops it."""
    settings = services.settings
    if settings.reconcile_url is None:
        return
    web = DicomWeb(orthanc_address(settings, settings.reconcile_url))
    stack.push_async_callback(web.aclose)
    trail = Trail(services.access_log, RECONCILER, None)

    def record(announcement: Announcement) -> None:
        trail.begin_anew()
        trail.note(ANNOUNCE_EXAM, announcement.patient_id, announcement.study_instance_uid)

    reconciler = Reconciler(
        Orthanc(web),
        settings.reconcile_url,
        services.store,
        services.feed,
        source=settings.reconcile_source_id,
        poll_seconds=settings.reconcile_seconds,
        told=record,
    )
    await reconciler.start()
    stack.push_async_callback(reconciler.aclose)
