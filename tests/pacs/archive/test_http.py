from collections.abc import Mapping

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from pacs.archive.http import (
    dicom_json,
    media_ranges,
    parse_media_type,
    require_json,
    warning_header,
)
from pacs.archive.matching import Key
from pacs.archive.search_parameters import attribute_path, parse_search
from pacs.errors import BadQuery


def request(query: str = "", headers: Mapping[str, str] | None = None) -> Request:
    raw = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    return Request({"type": "http", "query_string": query.encode(), "headers": raw})


def test_a_search_takes_keywords_tags_and_paths() -> None:
    search = parse_search("PatientID=P1&0020000d=1.2,1.3&00400275.ScheduledProcedureStepID=S1&StudyDate=20260101-")
    assert search.keys == (
        Key(("00100020",), ("P1",)),
        Key(("0020000D",), ("1.2", "1.3")),
        Key(("00400275", "00400009"), ("S1",)),
        Key(("00080020",), ("20260101-",)),
    )


def test_values_are_decoded_and_a_comma_in_text_is_text() -> None:
    search = parse_search("PatientName=M%C3%BCller%5EJ*&PatientID=a%2Cb")
    assert search.keys == (Key(("00100010",), ("Müller^J*",)), Key(("00100020",), ("a,b",)))


def test_fields_limits_and_warnings() -> None:
    search = parse_search(
        "includefield=StudyDescription,00080061&includefield=all&limit=10&offset=5&fuzzymatching=true"
    )
    assert search.include == {("00081030",), ("00080061",)}
    assert search.include_all
    assert (search.limit, search.offset) == (10, 5)
    assert search.warnings == (
        "The fuzzymatching parameter is not supported. Only literal matching has been performed.",
    )
    assert parse_search("fuzzymatching=false&emptyvaluematching=false").warnings == ()


@pytest.mark.parametrize(
    "query", ["limit=-1", "limit=x", "offset=1.5", "includefield=Nothing", "PatientID=1&PatientID=2"]
)
def test_a_value_that_is_not_understood_is_refused(query: str) -> None:
    with pytest.raises(BadQuery):
        parse_search(query)


def test_a_parameter_that_is_not_supported_is_ignored_with_a_warning_unless_it_is_to_be_refused() -> None:
    query = "PatientID=1&_=17&PatientID.=2&=3&%0D%0AX:y%20=4&%E2%82%AC=5"
    search = parse_search(query)
    assert search.keys == (Key(("00100020",), ("1",)),)
    assert search.warnings == ("Parameters that are not supported have been ignored (_ PatientID.)",)
    with pytest.raises(BadQuery, match="'_'"):
        parse_search(query, strict=True)


def test_the_character_set_is_never_matched() -> None:
    assert parse_search("SpecificCharacterSet=ISO_IR%20100").keys == ()


def test_a_limit_of_nothing_is_a_limit() -> None:
    assert [parse_search(query).limit for query in ("limit=0", "limit=", "")] == [0, None, None]


def test_zeros_before_a_number_say_nothing_however_many() -> None:
    assert parse_search("limit=" + "0" * 5000 + "7").limit == 7


def test_a_search_has_a_bounded_number_of_keys() -> None:
    with pytest.raises(BadQuery, match="more than"):
        parse_search("&".join(f"0009{number:04X}=1" for number in range(200)))


def test_a_path_is_of_tags() -> None:
    assert attribute_path("RequestAttributesSequence.00400009") == ("00400275", "00400009")


def test_media_types_keep_their_quoted_parameters() -> None:
    found = parse_media_type('Multipart/Related; type="application/dicom"; Transfer-Syntax=*;boundary="a;b\\"c"')
    assert found.name == "multipart/related"
    assert found.parameters == {"type": "application/dicom", "transfer-syntax": "*", "boundary": 'a;b"c'}


def test_what_has_a_quality_of_zero_is_not_given_under_a_wider_range() -> None:
    (anything,) = media_ranges(request(headers={"Accept": "image/jpeg;q=0, */*, image/gif; q=0.0"}))
    assert [anything.admits(name) for name in ("image/jpeg", "image/gif", "image/png")] == [False, False, True]
    assert not anything.admits_within("image/jpeg")
    header = 'multipart/related; type="a/b", multipart/related; type="c/d"; q=0'
    (parts,) = media_ranges(request(headers={"Accept": header}))
    assert parts.admits("multipart/related")


def test_the_accept_parameter_wins_over_the_header_and_the_best_comes_first() -> None:
    header = 'image/png;q=0.5, multipart/related; type="a/b, c", */*;q=0'
    assert [found.name for found in media_ranges(request(headers={"Accept": header}))] == [
        "multipart/related",
        "image/png",
    ]
    assert media_ranges(request("accept=image/gif", {"Accept": header}))[0].name == "image/gif"
    assert media_ranges(request())[0].name == "*/*"


@pytest.mark.parametrize("accept", ["application/dicom+json", "application/json", "*/*", "application/*"])
def test_json_is_given_to_those_who_take_it(accept: str) -> None:
    require_json(request(headers={"Accept": accept}))


@pytest.mark.parametrize("accept", ['multipart/related; type="application/dicom+xml"', "text/html", "*/*;q=0"])
def test_json_is_refused_to_those_who_do_not(accept: str) -> None:
    with pytest.raises(HTTPException, match="406"):
        require_json(request(headers={"Accept": accept}))


def test_an_answer_has_its_tags_in_order_and_its_warnings_in_a_header() -> None:
    answer = dicom_json({"00100020": {"vr": "LO"}, "00080005": {"vr": "CS"}}, warnings=["one", "two"])
    assert bytes(answer.body) == b'{"00080005":{"vr":"CS"},"00100020":{"vr":"LO"}}'
    assert answer.headers["content-type"] == "application/dicom+json"
    assert answer.headers["warning"] == "299 dicom-graph: one, 299 dicom-graph: two"
    assert warning_header([]) == {}
