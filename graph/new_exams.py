"""From what a PACS announced to what is kept of it."""

from pacs.announcement import Announcement
from persistence.records import NewExamEvent, now


def new_event(announcement: Announcement) -> NewExamEvent:
    """The event of an announcement, received now."""
    return NewExamEvent(
        received_at=now(),
        study_instance_uid=announcement.study_instance_uid,
        patient_id=announcement.patient_id,
        modalities=announcement.modalities,
        body=dict(announcement.body),
    )
