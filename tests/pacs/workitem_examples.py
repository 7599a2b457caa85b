"""Workitems for tests: the reference's example, a full one, and any one (hypothesis)."""

import datetime as dt
import string
from typing import Any

from hypothesis import strategies as st

from pacs.workitem import NewWorkitem, PregnancyStatus

STUDY = "1.2.752.24.5.2584605181.20150129083013.816906"


def minimal(**changes: Any) -> NewWorkitem:
    """The creation request of the reference, field by field."""
    given: dict[str, Any] = {
        "study_instance_uid": STUDY,
        "patient_id": "SDJ38WMD1MS01",
        "patient_name": "MARIO^ROSSI",
        "scheduled_station_ae_title": "NGV",
        "scheduled_procedure_step_start_date": dt.date(2000, 1, 1),
        "scheduled_procedure_step_start_time": dt.time(12),
        "scheduled_procedure_step_description": "Tac",
        "modality": "CT",
        "accession_number": "NDS83JF784N209D2",
    }
    return NewWorkitem(**given | changes)


def full(**changes: Any) -> NewWorkitem:
    """Every field has a value."""
    given: dict[str, Any] = {
        "patient_name": "Yamada^Tarou=山田^太郎=やまだ^たろう",
        "scheduled_procedure_step_start_time": dt.time(9, 30, 5, 120000),
        "scheduled_procedure_step_description": "Röntgen des Knöchels",
        "scheduled_procedure_step_id": "SPS-1",
        "scheduled_station_name": "Straße 3",
        "scheduled_performing_physician_name": "Müller^Jörg^^Dr.",
        "requested_procedure_id": "RP-7",
        "requested_procedure_description": "КТ головы",
        "requesting_physician": "O'Neill^Siobhán",
        "referring_physician_name": "Núñez^José",
        "admission_id": "ADM1",
        "service_episode_id": "EP-9",
        "current_patient_location": "Ward 4, bed 2",
        "patient_birth_date": dt.date(1961, 2, 28),
        "patient_sex": "F",
        "confidentiality_constraint_on_patient_data_description": "VIP",
        "patient_state": "wheelchair",
        "pregnancy_status": PregnancyStatus.POSSIBLY_PREGNANT,
        "medical_alerts": ("Pacemaker", "Kontrastmittelallergie: schwer", "造影剤"),
        "placer_order_number_imaging_service_request": "PO-1",
    }
    return minimal(**given | changes)


def _text(length: int) -> st.SearchStrategy[str]:
    alphabet = st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\\^=")
    return st.text(alphabet, min_size=1, max_size=length).map(lambda text: text.strip(" ")).filter(bool)


def _name() -> st.SearchStrategy[str]:
    group = st.lists(_text(12), min_size=1, max_size=5).map("^".join)
    return st.lists(group, min_size=1, max_size=3).map("=".join)


_AE_TITLE = st.text(string.ascii_letters + string.digits + "_- .", min_size=1, max_size=16).map(str.strip).filter(bool)
_CODE = st.text(string.ascii_uppercase + string.digits + "_", min_size=1, max_size=16)
_UID = st.integers(min_value=0, max_value=2**128 - 1).map(lambda number: f"2.25.{number}")

ANY = st.builds(
    NewWorkitem,
    study_instance_uid=_UID,
    patient_id=_text(64),
    patient_name=_name(),
    accession_number=_text(16),
    modality=_CODE,
    scheduled_station_ae_title=_AE_TITLE,
    scheduled_procedure_step_description=_text(64),
    scheduled_procedure_step_start_date=st.dates(),
    scheduled_procedure_step_start_time=st.times(),
    scheduled_procedure_step_id=st.none() | _text(16),
    scheduled_station_name=st.none() | _text(16),
    scheduled_performing_physician_name=st.none() | _name(),
    requested_procedure_id=st.none() | _text(16),
    requested_procedure_description=st.none() | _text(64),
    requesting_physician=st.none() | _name(),
    referring_physician_name=st.none() | _name(),
    admission_id=st.none() | _text(64),
    service_episode_id=st.none() | _text(64),
    current_patient_location=st.none() | _text(64),
    patient_birth_date=st.none() | st.dates(),
    patient_sex=st.none() | st.sampled_from("MFO"),
    confidentiality_constraint_on_patient_data_description=st.none() | _text(64),
    patient_state=st.none() | _text(64),
    pregnancy_status=st.none() | st.sampled_from(PregnancyStatus),
    medical_alerts=st.lists(_text(64), max_size=4).map(tuple),
    placer_order_number_imaging_service_request=st.none() | _text(64),
)
