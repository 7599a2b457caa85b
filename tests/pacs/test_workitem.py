import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VM, dictionary_VR
from pydicom.dataset import Dataset as PydicomDataset

from pacs import workitem_mwl, workitem_ups
from pacs.attributes import Dataset, JSONDataset, tag
from pacs.codes import code
from pacs.workitem import NewWorkitem, Workitem, WorkitemState
from pacs.workitem_check import checked
from pacs.workitem_fields import FIELDS, Field
from tests.pacs.workitem_examples import ANY, STUDY, full, minimal

# The answer of the reference's example, but for ISO_IR 192, which it misspells, and the UID, which it mixes up.
REFERENCE_ANSWER: JSONDataset = {
    "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
    "00080050": {"vr": "SH", "Value": ["NDS83JF784N209D2"]},
    "00080090": {"vr": "PN"},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "MARIO^ROSSI"}]},
    "00100020": {"vr": "LO", "Value": ["SDJ38WMD1MS01"]},
    "00100030": {"vr": "DA"},
    "00100040": {"vr": "CS"},
    "00102000": {"vr": "LO"},
    "001021C0": {"vr": "US"},
    "0020000D": {"vr": "UI", "Value": [STUDY]},
    "00321032": {"vr": "PN"},
    "00321060": {"vr": "LO"},
    "00380010": {"vr": "LO"},
    "00380300": {"vr": "LO"},
    "00380500": {"vr": "LO"},
    "00400100": {
        "vr": "SQ",
        "Value": [
            {
                "00080060": {"vr": "CS", "Value": ["CT"]},
                "00400001": {"vr": "AE", "Value": ["NGV"]},
                "00400002": {"vr": "DA", "Value": ["20000101"]},
                "00400003": {"vr": "TM", "Value": ["120000"]},
                "00400006": {"vr": "PN"},
                "00400007": {"vr": "LO", "Value": ["Tac"]},
                "00400009": {"vr": "SH"},
                "00400010": {"vr": "SH"},
            }
        ],
    },
    "00401001": {"vr": "SH"},
    "00402016": {"vr": "LO"},
    "00403001": {"vr": "LO"},
}

# PS3.4 Table CC.2.5-3, N-CREATE: Type 1, Type 2 at the root, Type 2 in the request, present and empty.
TYPE_1 = ["00741000", "00741200", "00741204", "00404005", "00404041", "0040A370"]
TYPE_2 = [
    "00741202",
    "00741210",
    "00404025",
    "00404026",
    "00404027",
    "00404018",
    "00400400",
    "00404021",
    "00100010",
    "00100030",
    "00100040",
    "00101002",
    "00380010",
    "00380014",
    "00081080",
    "00081084",
]
TYPE_2_IN_REQUEST = ["00080050", "00080051", "00400026", "00400027", "00401001", "00321060", "00321064"]
EMPTY = ["00081195", "00741002", "00741216"]


def test_the_references_example_is_answered_field_by_field() -> None:
    entry = workitem_mwl.write(checked(minimal()))

    assert entry == REFERENCE_ANSWER
    assert list(entry) == sorted(entry)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.keyword)
def test_the_table_agrees_with_the_data_dictionary(field: Field) -> None:
    number = int(field.tag, 16)

    assert dictionary_VR(number) == field.vr
    assert (dictionary_VM(number) == "1-n") is field.many
    assert field.attribute in {known.name for known in dataclasses.fields(NewWorkitem)}


def test_every_field_of_a_new_workitem_stands_in_the_table() -> None:
    assert {field.attribute for field in FIELDS} == {known.name for known in dataclasses.fields(NewWorkitem)}


@pytest.mark.parametrize("place", [workitem_mwl, workitem_ups], ids=["MWL", "UPS"])
def test_a_full_workitem_survives_the_round_trip(place: Any) -> None:
    values = checked(full())

    assert set(values) == {field.keyword for field in FIELDS}
    assert place.read(place.write(values)) == values


@pytest.mark.parametrize("place", [workitem_mwl, workitem_ups], ids=["MWL", "UPS"])
@given(new=ANY)
@settings(max_examples=60)
def test_any_workitem_survives_the_round_trip(place: Any, new: NewWorkitem) -> None:
    values = checked(new)

    assert place.read(place.write(values)) == values


def test_values_that_only_other_systems_give_survive_too() -> None:
    values = {
        **checked(full()),
        "ScheduledStationAETitle": ["CT1", "CT2"],
        "ScheduledStationName": ["Left", "Right"],
    }

    assert workitem_ups.read(workitem_ups.write(values)) == values
    assert workitem_mwl.read(workitem_mwl.write(values)) == values


@pytest.mark.parametrize("new", [minimal(), full()], ids=["minimal", "full"])
def test_a_ups_has_all_that_a_create_needs(new: NewWorkitem) -> None:
    ups = workitem_ups.write(checked(new))
    (request,) = ups["0040A370"]["Value"]

    assert all(ups[wanted]["Value"] for wanted in TYPE_1)
    assert set(TYPE_2) <= set(ups)
    assert set(TYPE_2_IN_REQUEST) <= set(request)
    assert all(ups[empty] == {"vr": ups[empty]["vr"]} for empty in EMPTY)
    assert ups["0020000D"]["Value"] == request["0020000D"]["Value"] == [STUDY]
    assert "00080018" not in ups
    assert list(ups) == sorted(ups)


@pytest.mark.parametrize("write", [workitem_mwl.write, workitem_mwl.complete, workitem_ups.write])
def test_datasets_are_read_by_pydicom_with_the_vrs_of_the_dictionary(write: Any) -> None:
    json = write(checked(full()))

    read = PydicomDataset.from_json(json)

    for element in read.iterall():
        assert dictionary_VR(element.tag) == element.VR, element.keyword


def test_the_station_is_in_code_value_and_meaning_and_first() -> None:
    ups = Dataset(workitem_ups.write(checked(full())))

    first = next(ups.items("ScheduledStationNameCodeSequence"))

    assert first.text("CodeValue") == first.text("CodeMeaning") == "NGV"


@pytest.mark.parametrize(
    ("value", "meaning", "title"),
    [("NGV", "NGV", "NGV"), ("s1", "CT_3", "CT_3"), ("CT_3", "The scanner on the ground floor", "CT_3")],
)
def test_stations_of_other_systems_are_read(value: str, meaning: str, title: str) -> None:
    ups = {"00404025": {"vr": "SQ", "Value": [code(value, "99LOCAL", meaning)]}}

    assert workitem_ups.read(ups)["ScheduledStationAETitle"] == [title]


@pytest.mark.parametrize(
    ("text", "date", "time"),
    [
        ("20260131103000", "20260131", "103000"),
        ("20260131103000.5+0100", "20260131", "103000.5"),
        ("20260131-0500", "20260131", None),
        ("2026", None, None),
    ],
)
def test_a_start_of_another_system_is_read(text: str, date: str | None, time: str | None) -> None:
    values = workitem_ups.read({"00404005": {"vr": "DT", "Value": [text]}})

    assert values.get("ScheduledProcedureStepStartDate") == ([date] if date else None)
    assert values.get("ScheduledProcedureStepStartTime") == ([time] if time else None)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["vr", "Value", "00080100"]), inner),
    max_leaves=5,
)
_SEQUENCES = ["00404025", "00404026", "00404034", "0040A370", "00400100", "00404005", "0020000D"]


@given(st.dictionaries(st.sampled_from(_SEQUENCES), _JSON | st.fixed_dictionaries({"Value": st.lists(_JSON)})))
@settings(max_examples=80)
def test_whatever_a_server_sends_is_read_without_an_error(dataset: JSONDataset) -> None:
    workitem_ups.read(dataset)
    workitem_mwl.read(dataset)


def test_an_entry_for_a_modality_has_what_a_modality_needs() -> None:
    entry = Dataset(workitem_mwl.complete(checked(minimal())))
    step = next(entry.items("ScheduledProcedureStepSequence"))

    assert len(step.text("ScheduledProcedureStepID") or "") == 16
    assert entry.text("RequestedProcedureID") == step.text("ScheduledProcedureStepID")
    assert entry.text("RequestedProcedureDescription") == "Tac"
    assert {tag("ReferencedStudySequence"), tag("ServiceEpisodeID")} <= set(entry.json)
    assert tag("ScheduledProcedureStepLocation") in step.json


def test_an_entry_for_a_modality_keeps_what_was_given() -> None:
    entry = workitem_mwl.complete(checked(full()))

    assert workitem_mwl.read(entry) == checked(full())


def test_a_workitem_knows_when_it_is() -> None:
    workitem = Workitem(WorkitemState.SCHEDULED, Dataset(workitem_mwl.write(checked(full()))))

    assert workitem.scheduled_at == "20000101093005.120000"
    assert workitem.study_instance_uid == STUDY
    assert Workitem(WorkitemState.SCHEDULED, Dataset({})).scheduled_at == ""
