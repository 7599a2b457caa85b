"""What is sent to a PACS may find too much, never too little; what comes back is filtered on what was asked."""

import datetime as dt
import fnmatch
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs.attributes import Dataset, tag
from pacs.errors import BadQuery
from pacs.queries import DateRange, Match, Pattern, exact, query, uid_lists

ODD_IDS = ["a,b", "a*", "a?c", "a\\b", "a b", "a^b", "a%62", "a+b", "a#b", "a&b=c", "Ünïcode", "患者", "a", "A"]
printable = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)


def dataset(**values: str) -> Dataset:
    return Dataset({tag(keyword): {"vr": "LO", "Value": value.split("\\")} for keyword, value in values.items()})


def sent(match: Match) -> str:
    return query(match.parameters())


def finds(pattern: str, text: str) -> bool:
    """As a PACS matches that knows wildcards and takes a comma for OR."""
    return any(fnmatch.fnmatchcase(text, one.replace("[", "[[]")) for one in pattern.split(","))


@given(printable | st.sampled_from(ODD_IDS))
def test_a_server_that_does_not_decode_finds_the_text_all_the_same(text: str) -> None:
    keyword, _, value = sent(Match({"PatientID": text})).partition("=")
    assert keyword == "PatientID"
    assert value.isascii()
    assert not set(value) & set(" ,?\\&#+%=")
    assert finds(value, text)


@given(printable | st.sampled_from(ODD_IDS))
def test_a_server_that_decodes_finds_the_text(text: str) -> None:
    value = sent(Match({"PatientID": text}, decodes=True)).partition("=")[2]
    assert value.isascii()
    assert not set(value) & set(" ,?\\&#+=")
    assert finds(unquote(value), text)


@pytest.mark.parametrize("asked", ODD_IDS)
def test_only_the_very_same_text_is_accepted(asked: str) -> None:
    match = Match({"PatientID": asked})
    assert [one for one in ODD_IDS if match.accepts(dataset(PatientID=one))] == [asked]
    assert not match.accepts(Dataset({}))


def test_only_padding_does_not_count() -> None:
    match = Match({"PatientID": "a"})
    assert match.accepts(dataset(PatientID=" a \0"))
    assert not match.accepts(dataset(PatientID="a\N{IDEOGRAPHIC SPACE}"))


@pytest.mark.parametrize(
    ("pattern", "decodes", "value"),
    [
        ("Head*", False, "Head*"),
        ("He?d", False, "He?d"),
        ("Head & neck", False, "Head*neck"),
        ("Schädel?", False, "Sch*del?"),
        ("Schädel?", True, "Sch%C3%A4del?"),
    ],
)
def test_patterns_keep_their_wildcards(pattern: str, decodes: bool, value: str) -> None:
    assert sent(Match({"StudyDescription": Pattern(pattern)}, decodes)) == f"StudyDescription={value}"


@pytest.mark.parametrize(
    ("text", "accepted"),
    [("Head & neck", True), ("HEAD & NECK", True), ("Head and neck", False), ("[Head & neck]", False)],
)
def test_patterns_are_checked_on_the_answer(text: str, accepted: bool) -> None:
    assert Match({"StudyDescription": Pattern("head & *")}).accepts(dataset(StudyDescription=text)) is accepted


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        (dt.date(2026, 1, 1), dt.date(2026, 1, 31), "20260101-20260131"),
        (dt.date(2026, 1, 1), None, "20260101-"),
        (None, dt.date(2026, 1, 31), "-20260131"),
        (dt.date(2026, 1, 1), dt.date(2026, 1, 1), "20260101"),
        (None, None, ""),
    ],
)
def test_ranges_of_days(start: dt.date | None, end: dt.date | None, text: str) -> None:
    days = DateRange(start, end)
    assert str(days) == text
    assert sent(Match({"StudyDate": days})) == (f"StudyDate={text}" if text else "")
    match = Match({"StudyDate": days})
    assert match.accepts(dataset(StudyDate="20260101")) is (start is None or start.day == 1)
    assert not match.accepts(dataset(StudyDate="nonsense"))


@pytest.mark.parametrize("text", ["", "   ", "x" * 65, "a\nb", "a\0b", "\u202e"])
def test_what_no_patient_id_can_be_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadQuery, match="patientID"):
        exact("patientID", text)


def test_spaces_around_an_id_mean_nothing() -> None:
    assert exact("patientID", " P1  ") == "P1"


def test_uid_lists_are_cut_to_urls_that_every_server_takes() -> None:
    uids = [f"1.2.{n}.{'9' * 50}" for n in range(300)]
    beside = "includefield=Rows&" * 20
    lists = list(uid_lists("StudyInstanceUID", uids, beside))
    assert all(len(beside) + len(one) <= 3_900 for one in lists)
    assert len(list(uid_lists("StudyInstanceUID", uids, "x" * 10_000))) <= 20
    assert [uid for one in lists for uid in one.removeprefix("StudyInstanceUID=").split(",")] == uids
    assert list(uid_lists("StudyInstanceUID", [])) == []
