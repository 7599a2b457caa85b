import sqlite3
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs.archive.filters import predicate
from pacs.archive.matchers import Moments, Range, Wildcard
from pacs.archive.matching import Key, matcher, moments
from pacs.archive.normal_forms import normal_forms
from pacs.attributes import JSONDataset
from pacs.errors import BadQuery
from tests.pace import slowness

PATIENT_ID, PATIENT_NAME, STUDY_DATE, STUDY_TIME = "00100020", "00100010", "00080020", "00080030"
STUDY_UID, INSTANCE_NUMBER, MODALITY, REQUEST = "0020000D", "00200013", "00080060", "00400275"

CASES = [
    (PATIENT_ID, "P1", ["P1"], True),
    (PATIENT_ID, "P1", ["p1"], False),
    (PATIENT_ID, "P1,P2", ["P1"], False),
    (PATIENT_ID, "P*", ["P123"], True),
    (PATIENT_ID, "P?", ["P12"], False),
    (PATIENT_ID, "P[1]*", ["P1"], False),
    (PATIENT_ID, "P[1]*", ["P[1]x"], True),
    (PATIENT_ID, "P1", [], False),
    (PATIENT_ID, "P1 ", ["P1"], True),
    (PATIENT_ID, "P1", ["P1\u3000"], False),
    (PATIENT_ID, "P1\xa0", ["P1\xa0"], True),
    (PATIENT_NAME, "rossi^maria", [{"Alphabetic": "Rossi^Maria^^"}], True),
    (PATIENT_NAME, "ROSSI*", [{"Alphabetic": "Rossi^Maria"}], True),
    (PATIENT_NAME, "山田*", [{"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎"}], True),
    (PATIENT_NAME, "yamada^tarou=山田^太郎", [{"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎"}], True),
    (PATIENT_NAME, "=山田^太郎", [{"Ideographic": "山田^太郎"}], True),
    (PATIENT_NAME, "=山田^太郎", [{"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎"}], False),
    (PATIENT_NAME, "Maria", [{"Alphabetic": "Rossi^Maria"}], False),
    (STUDY_DATE, "20260131", ["20260131"], True),
    (STUDY_DATE, "20260131", ["2026.01.31"], True),
    (STUDY_DATE, "20260101-20260131", ["20260131"], True),
    (STUDY_DATE, "20260201-", ["20260131"], False),
    (STUDY_DATE, "-20260131", ["20260131"], True),
    (STUDY_DATE, "-20260131", [], False),
    (STUDY_TIME, "1030", ["103000"], True),
    (STUDY_TIME, "1030", ["10:30:00.000"], True),
    (STUDY_TIME, "1000-1030", ["103059.5"], True),
    (STUDY_TIME, "1000-1030", ["1031"], False),
    (STUDY_TIME, "10-11", ["115959"], True),
    (STUDY_UID, "1.2", ["1.2.3"], False),
    (INSTANCE_NUMBER, "1", [1], True),
    (INSTANCE_NUMBER, "01", [1.0], True),
    (INSTANCE_NUMBER, "1", [11], False),
    ("00404005", "20260131-20260201", ["20260201103000"], True),
    ("00404005", "20260131", ["202601311030"], True),
    ("00404005", "202601-", ["20251231"], False),
    ("00404005", "20260131100000+0100-20260131120000+0100", ["20260131110000+0100"], True),
]


@pytest.mark.parametrize(("tag", "asked", "values", "matches"), CASES)
def test_a_value_matches_alike_in_a_dataset_and_in_sql(
    tag: str, asked: str, values: list[object], matches: bool
) -> None:
    key = Key((tag,), (asked,))
    assert predicate([key]).accepts({tag: {"vr": key.vr, "Value": values}}) is matches
    wanted = matcher(key)
    assert wanted is not None
    condition = wanted.condition("form")
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE forms (form TEXT)")
        database.executemany("INSERT INTO forms VALUES (?)", [(form,) for form in normal_forms(key.vr, values) or [""]])
        found = database.execute(f"SELECT count(*) FROM forms WHERE {condition.sql}", condition.parameters).fetchone()
    database.close()
    assert bool(found[0]) is matches


@pytest.mark.parametrize(
    ("tag", "asked"), [(PATIENT_ID, ""), (PATIENT_ID, "*"), (PATIENT_NAME, "**"), (STUDY_DATE, "")]
)
def test_an_empty_value_or_a_lone_star_matches_everything(tag: str, asked: str) -> None:
    assert matcher(Key((tag,), (asked,))) is None
    assert not predicate([Key((tag,), (asked,))]).narrows
    assert predicate([Key((tag,), (asked,))]).accepts({})


def test_a_list_of_uids_matches_any_of_them() -> None:
    wanted = predicate([Key((STUDY_UID,), ("1.2", "1.3"))])
    assert [wanted.accepts({STUDY_UID: {"vr": "UI", "Value": [uid]}}) for uid in ("1.2", "1.3", "1.4")] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("tag", "asked"),
    [(STUDY_DATE, "yesterday"), (STUDY_DATE, "-"), (STUDY_DATE, "2026*"), (STUDY_TIME, "25h"), ("00404005", "x-y")],
)
def test_a_value_that_the_vr_forbids_is_refused_by_name(tag: str, asked: str) -> None:
    with pytest.raises(BadQuery, match=tag):
        matcher(Key((tag,), (asked,)))


def study(date: str, time: str) -> JSONDataset:
    return {STUDY_DATE: {"vr": "DA", "Value": [date]}, STUDY_TIME: {"vr": "TM", "Value": [time]}}


def test_a_range_of_dates_and_one_of_times_are_one_range_of_moments() -> None:
    wanted = predicate([Key((STUDY_DATE,), ("20260101-20260103",)), Key((STUDY_TIME,), ("1000-1200",))])
    assert wanted.accepts(study("20260101", "1000"))
    assert not wanted.accepts(study("20260101", "0959"))
    assert wanted.accepts(study("20260102", "2300"))
    assert wanted.accepts(study("20260103", "1200"))
    assert not wanted.accepts(study("20260103", "1201"))


@given(
    *[st.integers(0, 9) for _ in range(4)],
    *[st.integers(0, 9) for _ in range(2)],
)
def test_moments_in_sql_and_in_python_agree(low: int, high: int, early: int, late: int, day: int, hour: int) -> None:
    both = moments(Range(str(low), str(high)), Range(str(early), str(late)))
    assert isinstance(both, Moments)
    condition = both.condition("date", "time")
    database = sqlite3.connect(":memory:")
    sql = f"SELECT {condition.sql} FROM (SELECT ? AS date, ? AS time)"
    found = database.execute(sql, (*condition.parameters, str(day), str(hour))).fetchone()
    database.close()
    assert bool(found[0]) is both.accepts(str(day), str(hour))


@given(st.text("ab?*[]\ud7ff\U0010ffff", min_size=1, max_size=8), st.text("ab[]\n\ud7ff\U0010ffff", max_size=6))
def test_wildcards_in_sql_and_in_python_agree(pattern: str, value: str) -> None:
    wanted = Wildcard(pattern)
    condition = wanted.condition("value")
    database = sqlite3.connect(":memory:")
    found = database.execute(
        f"SELECT {condition.sql} FROM (SELECT ? AS value)", (*condition.parameters, value)
    ).fetchone()
    database.close()
    assert bool(found[0]) is wanted.accepts(value)


def test_many_wildcards_take_no_time_over_a_long_text() -> None:
    wanted = Wildcard("*a" * 20 + "*b")
    began = time.process_time()
    assert not wanted.accepts("a" * 60_000)
    assert wanted.accepts("a" * 60_000 + "b")
    assert time.process_time() - began < slowness()


def test_keys_within_one_sequence_match_in_one_item() -> None:
    def items(*pairs: tuple[str, str]) -> JSONDataset:
        return {
            REQUEST: {
                "vr": "SQ",
                "Value": [
                    {"00400009": {"vr": "SH", "Value": [step]}, "00401001": {"vr": "SH", "Value": [procedure]}}
                    for step, procedure in pairs
                ],
            }
        }

    wanted = predicate([Key((REQUEST, "00400009"), ("S1",)), Key((REQUEST, "00401001"), ("R1",))])
    assert wanted.accepts(items(("S0", "R0"), ("S1", "R1")))
    assert not wanted.accepts(items(("S1", "R0"), ("S0", "R1")))
    assert not wanted.accepts({})


def test_a_path_through_what_is_no_sequence_matches_nothing() -> None:
    wanted = predicate([Key((MODALITY, STUDY_DATE), ("20260101",))])
    assert not wanted.accepts({MODALITY: {"vr": "CS", "Value": ["CT"]}})
    assert not wanted.accepts({})


def test_a_missing_attribute_matches_only_what_is_universal() -> None:
    assert not predicate([Key((MODALITY,), ("CT",))]).accepts({})
    assert predicate([Key((REQUEST, "00400009"), ("",))]).accepts({})
