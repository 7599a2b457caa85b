"""What a workitem may be made from."""

import datetime as dt
from typing import Any

import pytest

from pacs import workitem_ups
from pacs.workitem import BadWorkitem
from pacs.workitem_check import checked
from tests.pacs.workitem_examples import minimal


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"patient_id": ""}, ["PatientID"]),
        ({"patient_id": " "}, ["PatientID"]),
        ({"patient_id": "x" * 65}, ["PatientID"]),
        ({"patient_id": "A\\B"}, ["PatientID"]),
        ({"patient_id": "A\nB"}, ["PatientID"]),
        ({"patient_id": "\ud800"}, ["PatientID"]),
        ({"patient_name": "^^"}, ["PatientName"]),
        ({"patient_name": "a^b^c^d^e^f"}, ["PatientName"]),
        ({"patient_name": "a=b=c=d"}, ["PatientName"]),
        ({"patient_name": "x" * 65}, ["PatientName"]),
        ({"accession_number": "x" * 17}, ["AccessionNumber"]),
        ({"modality": "ct"}, ["Modality"]),
        ({"scheduled_station_ae_title": "x" * 17}, ["ScheduledStationAETitle"]),
        ({"scheduled_station_ae_title": "Größe"}, ["ScheduledStationAETitle"]),
        ({"scheduled_station_ae_title": "A\\B"}, ["ScheduledStationAETitle"]),
        ({"patient_sex": "X"}, ["PatientSex"]),
        ({"study_instance_uid": "1.02.3"}, ["StudyInstanceUID"]),
        ({"study_instance_uid": "not a uid"}, ["StudyInstanceUID"]),
        ({"medical_alerts": ("fine", "x" * 65)}, ["MedicalAlerts"]),
        ({"modality": "ct", "patient_id": "", "admission_id": "\x00"}, ["PatientID", "AdmissionID", "Modality"]),
    ],
)
def test_every_bad_field_is_named(changes: dict[str, Any], wrong: list[str]) -> None:
    with pytest.raises(BadWorkitem) as caught:
        checked(minimal(**changes))

    assert [error.name for error in caught.value.errors] == wrong
    assert all(f"{name}: " in str(caught.value) for name in wrong)


@pytest.mark.parametrize(
    "changes",
    [
        {"patient_name": "x" * 64 + "=" + "y" * 64},
        {"patient_name": "=山田^太郎"},
        {"patient_id": "ｆｕｌｌ　ｗｉｄｔｈ"},
        {"medical_alerts": ()},
        {"patient_birth_date": dt.date(1, 1, 1)},
        {"admission_id": ""},
    ],
)
def test_what_is_allowed_is_taken(changes: dict[str, Any]) -> None:
    values = checked(minimal(**changes))

    assert workitem_ups.read(workitem_ups.write(values)) == values


def test_padding_is_not_part_of_a_value() -> None:
    assert checked(minimal(patient_id=" P1 "))["PatientID"] == ["P1"]
