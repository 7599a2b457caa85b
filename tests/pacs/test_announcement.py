"""The callback's body is read as PACSs write it, and refused with a reason when it announces nothing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs.announcement import Announcement, BadAnnouncement

LEAST = {"StudyInstanceUID": "1.2.3", "PatientID": "P1"}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("CT", ["CT"]),
        ("CT\\MR", ["CT", "MR"]),
        (["CT", "MR"], ["CT", "MR"]),
        (["CT\\MR", None, " "], ["CT", "MR"]),
        (None, []),
        ("", []),
        ({"a": 1}, []),
    ],
)
def test_lists_come_in_every_shape(sent: Any, read: list[str]) -> None:
    assert Announcement.parse(LEAST | {"ModalitiesInStudy": sent}).modalities == read


@pytest.mark.parametrize("sent", [12, "12", 12.0, " 12 "])
def test_numbers_may_be_texts_and_texts_numbers(sent: Any) -> None:
    announcement = Announcement.parse(LEAST | {"PatientID": sent, "NumberOfStudyRelatedInstances": sent})
    assert announcement.patient_id == "12"
    assert announcement.dataset.integer("NumberOfStudyRelatedInstances") == 12


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("a\\b", "a\\b"),
        (["a", "b"], "a\\b"),
        ("a\\", "a\\"),
        (" a b \r\n", "a b"),
        ("a\N{IDEOGRAPHIC SPACE}", "a\N{IDEOGRAPHIC SPACE}"),
    ],
)
def test_a_patient_is_named_in_every_character_or_another_would_see_the_exam(sent: Any, read: str) -> None:
    announcement = Announcement.parse(LEAST | {"PatientID": sent})
    assert announcement.patient_id == read
    assert announcement.dataset.whole_text("PatientID") == read


def test_attributes_read_as_a_dataset() -> None:
    dataset = Announcement.parse(LEAST | {"PatientName": "Doe^Jo", "StudyDate": "20260131", "Unknown": 1}).dataset
    name, date = dataset.name("PatientName"), dataset.date("StudyDate")
    assert name is not None
    assert (name.family_name, name.given_name) == ("Doe", "Jo")
    assert date is not None
    assert date.isoformat() == "2026-01-31"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ([], "JSON object"),
        (None, "JSON object"),
        ({"PatientID": "P1"}, "StudyInstanceUID"),
        ({"PatientID": "P1", "StudyInstanceUID": "abc"}, "StudyInstanceUID"),
        ({"PatientID": "P1", "StudyInstanceUID": None}, "StudyInstanceUID"),
        ({"StudyInstanceUID": "1.2.3"}, "PatientID"),
        ({"StudyInstanceUID": "1.2.3", "PatientID": " "}, "PatientID"),
        ({"StudyInstanceUID": "1.2.3", "PatientID": "x" * 65}, "PatientID"),
    ],
)
def test_what_announces_nothing_is_refused_with_the_reason(body: Any, reason: str) -> None:
    with pytest.raises(BadAnnouncement, match=reason):
        Announcement.parse(body)


@given(st.dictionaries(st.sampled_from(["ModalitiesInStudy", "StudyDate", "PatientName", "x"]), json_values))
def test_nothing_in_the_other_fields_breaks_it(body: dict[str, Any]) -> None:
    announcement = Announcement.parse(body | LEAST)
    assert all(isinstance(modality, str) for modality in announcement.modalities)
    assert announcement.dataset.text("PatientID") == "P1"
    assert announcement.body["PatientID"] == "P1"
