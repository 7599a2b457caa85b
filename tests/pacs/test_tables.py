"""A table tells the same as the datasets that it was made of."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pacs.attributes import Dataset, JSONDataset, tag
from pacs.caching.rows import in_number_order, weight_bytes
from pacs.searches import in_order
from pacs.table_json import read, write
from pacs.tables import Table

KEYWORDS = ("PatientID", "SOPInstanceUID", "InstanceNumber", "PatientName", "ImageType")
TAGS = [tag(keyword) for keyword in KEYWORDS]
READ: list[Callable[[Dataset, str], Any]] = [
    Dataset.text,
    Dataset.texts,
    Dataset.whole_text,
    Dataset.known_text,
    Dataset.integer,
    Dataset.date,
    Dataset.name,
    Dataset.__contains__,
]

PLAIN = st.sampled_from(["", " ", "1", " a\\b ", "1.2.3\0", "20260131", "Doe^Jane", "x" * 70])
NUMBERS = st.sampled_from([0, 1, 7, -1, 2**31 - 1, 2**31, 2**70])
VALUES: st.SearchStrategy[Any] = st.one_of(
    PLAIN, NUMBERS, st.sampled_from([1.5, None, [], {"Alphabetic": "Doe^Jane"}, "3.0"])
)
ODD = st.sampled_from([{}, {"vr": "LO"}, {"Value": ["a"]}, {"vr": "LO", "Value": "a"}, "a", 5, [], {"vr": None}])
ELEMENTS = st.one_of(
    st.builds(lambda vr, values: {"vr": vr, "Value": values}, st.sampled_from(["LO", "IS"]), st.lists(VALUES)),
    st.builds(lambda value: {"vr": "UI", "Value": [value]}, PLAIN),
    st.builds(lambda value: {"vr": "IS", "Value": [value]}, NUMBERS),
    ODD,
)


@st.composite
def rows_of_a_series(draw: st.DrawFn) -> list[JSONDataset]:
    """Columns that all rows share, that are plain, or in which anything may stand or be missing."""
    count = draw(st.integers(1, 6))
    rows: list[JSONDataset] = [{} for _ in range(count)]
    for name in TAGS:
        plain = draw(st.sampled_from([PLAIN, NUMBERS]))
        columns = [
            st.lists(plain, min_size=count, max_size=count).map(lambda of: [{"vr": "UI", "Value": [v]} for v in of]),
            ELEMENTS.map(lambda one: [one] * count),
            st.lists(ELEMENTS | st.none(), min_size=count, max_size=count),
        ]
        for row, element in zip(rows, draw(st.one_of(columns)), strict=True):
            if element is not None:
                row[name] = element
    return rows


def as_sent(table: Table) -> Table:
    (sent,) = read(orjson.loads(orjson.dumps([write(table)])))
    return sent


@given(rows_of_a_series())
def test_rows_and_columns_are_those_of_the_datasets(rows: list[JSONDataset]) -> None:
    for table in (Table.of(rows, TAGS), Table.of(rows, TAGS)[:], Table.of([*rows, {}], TAGS)[:-1]):
        assert [row.json for row in table] == rows
        assert [table[index].json for index in range(len(table))] == rows
        assert [row.json for row in table[::2]] == rows[::2]
        for keyword in KEYWORDS:
            for how in READ:
                expected = [how(Dataset(row), keyword) for row in rows]
                assert table.column(keyword, how) == expected
                assert table.column(keyword, how) == expected
                assert table[1:].column(keyword, how) == expected[1:]


@given(rows_of_a_series())
def test_a_table_that_was_sent_is_the_same(rows: list[JSONDataset]) -> None:
    uid = tag("SeriesInstanceUID")
    rows = [{**row, uid: {"vr": "UI", "Value": [str(number)]}} for number, row in enumerate(rows)]
    assume(str(2**70) not in str(rows))  # which orjson does not take
    assert [row.json for row in as_sent(Table.of(rows, [*TAGS, uid]))] == rows


@given(rows_of_a_series())
def test_a_table_is_ordered_as_datasets_are(rows: list[JSONDataset]) -> None:
    datasets = list(map(Dataset, rows))
    expected = sorted(datasets, key=lambda row: in_order(row, "InstanceNumber", "SOPInstanceUID"))
    assert [row.json for row in Table.of(rows, TAGS).in_number_order()] == [row.json for row in expected]
    assert [row.json for row in in_number_order(datasets)] == [row.json for row in expected]


def test_what_is_not_asked_for_is_not_in_the_table() -> None:
    table = Table.of([{name: {"vr": "LO", "Value": [name]} for name in TAGS}], TAGS[:1])
    assert list(table[0].json) == TAGS[:1]
    assert table.column("SOPInstanceUID", Dataset.text) == [None]
    assert table.column("SOPInstanceUID", Dataset.__contains__) == [False]


@pytest.mark.parametrize(
    "values",
    [[[1], [True]], [[True], [1]], [[1], [1.0]], [[1.0, 2], [1, 2]], [[0.0], [-0]], [[], [None]], [["1"], [1]]],
    ids=str,
)
def test_what_python_takes_for_equal_is_told_apart(values: list[list[Any]]) -> None:
    rows = [{TAGS[2]: {"vr": "IS", "Value": value}} for value in values]
    table = Table.of(rows, TAGS)
    assert [row.json for row in table] == rows
    for how in (Dataset.text, Dataset.integer, Dataset.texts):
        assert table.column("InstanceNumber", how) == [how(Dataset(row), "InstanceNumber") for row in rows]


def test_no_rows_make_a_table_without_rows() -> None:
    table = Table.of([], TAGS)
    assert (len(table), list(table), table.column("PatientID", Dataset.text)) == (0, [], [])
    assert as_sent(table).in_number_order()[:5][:].each == {}
    with pytest.raises(IndexError):
        table[0]


@pytest.mark.parametrize(
    "json",
    [
        None,
        [],
        {},
        {"rows": 1},
        {"rows": "1", "same": {}, "each": {}, "others": {}},
        {"rows": 10**12, "same": {TAGS[0]: {"vr": "LO", "Value": ["P1"]}}, "each": {}, "others": {}},
        {"rows": 2**63, "same": {}, "each": {}, "others": {}},
        {"rows": 1, "same": {}, "each": {TAGS[0]: {"vr": "", "Value": ["1"]}}, "others": {}},
        {"rows": 1, "same": {}, "each": {TAGS[0]: {"vr": None, "Value": 5}}, "others": {}},
        {"rows": 1, "same": {TAGS[0]: {}}, "each": {TAGS[0]: {"vr": "LO", "Value": ["P2"]}}, "others": {}},
        {"rows": 1, "same": {TAGS[0]: {}}, "each": {}, "others": {TAGS[0]: [{"vr": "LO", "Value": ["P2"]}]}},
        {"rows": -1, "same": {}, "each": {}, "others": {}},
        {"rows": 1, "same": [], "each": {}, "others": {}},
        {"rows": 1, "same": {}, "each": [], "others": {}},
        {"rows": 1, "same": {}, "each": {TAGS[0]: {"vr": "UI"}}, "others": {}},
        {"rows": 1, "same": {}, "each": {TAGS[0]: {"vr": "UI", "Value": "1"}}, "others": {}},
        {"rows": 1, "same": {}, "each": {TAGS[0]: {"vr": "UI", "Value": ["1", "2"]}}, "others": {}},
        {"rows": 2, "same": {}, "each": {}, "others": {TAGS[0]: [None]}},
        {"rows": 1, "same": {}, "each": {}, "others": {TAGS[0]: None}},
        {"rows": 1, "same": {}, "each": {TAGS[0]: ["vr", "Value"]}, "others": {}},
    ],
)
def test_what_is_no_table_is_refused(json: Any) -> None:
    with pytest.raises(ValueError, match="table"):
        read([json])


def deep(levels: int) -> list[Any]:
    """Lists within lists."""
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def test_many_rows_weigh_about_what_is_theirs_alone() -> None:
    def rows(count: int) -> list[JSONDataset]:
        return [
            {TAGS[0]: {"vr": "LO", "Value": ["P" * 64]}, TAGS[1]: {"vr": "UI", "Value": [f"1.2.{number:060}"]}}
            for number in range(count)
        ]

    assert weight_bytes(Table.of([{TAGS[0]: {"vr": "SQ", "Value": [deep(900)]}}], TAGS)) > 900 * 50
    few, many = (weight_bytes(Table.of(rows(count), TAGS)) for count in (100, 1_000))
    assert 100 * 900 < many - few < 150 * 900  # a text of 64 characters and a pointer
