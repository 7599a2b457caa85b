"""The printed schema is current, and agrees with the contract."""

from pathlib import Path

from graph.cli import schema_text
from graph.schema.naming import ContractNames, field_name

ROOT = Path(__file__).parents[3]


def test_schema_graphql_is_what_the_code_prints() -> None:
    assert (ROOT / "schema.graphql").read_text(encoding="utf-8") == schema_text(), "run `make schema`"


def test_a_field_is_named_after_its_keyword() -> None:
    names = {
        "StudyInstanceUID": "studyInstanceUID",
        "SOPClassUID": "sopClassUID",
        "ScheduledStationAETitle": "scheduledStationAETitle",
        "PatientID": "patientID",
        "Rows": "rows",
    }
    assert {keyword: field_name(keyword) for keyword in names} == names


def test_abbreviations_keep_their_capitals() -> None:
    names = {"generate_uids": "generateUIDs", "file_url": "fileURL", "data_uri": "dataURI", "id": "id", "uids": "uids"}
    assert {name: ContractNames().apply_naming_config(name) for name in names} == names
