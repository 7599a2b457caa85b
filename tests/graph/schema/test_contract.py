"""The printed schema is current, and agrees with the contract."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graphql import get_named_type, is_leaf_type, is_object_type
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from graph.cli import schema_text
from graph.schema import contract_schema
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


def test_no_leaf_is_waited_for() -> None:
    """Each is an attribute of its object: ten thousand instances have many, and compiled selections take no others."""
    leaves = dict(_leaves())
    assert len(leaves) > 100
    assert [path for path, field in leaves.items() if not field.is_basic_field or _is_awaited(field)] == []


def _leaves() -> Iterator[tuple[str, StrawberryField]]:
    """The fields of numbers, texts and the like of all types but GraphQL's own, by their paths."""
    for type_ in contract_schema()._schema.type_map.values():
        if not is_object_type(type_) or type_.name.startswith("__"):
            continue
        for name, definition in type_.fields.items():
            if is_leaf_type(get_named_type(definition.type)):
                yield f"{type_.name}.{name}", definition.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]


def _is_awaited(field: StrawberryField) -> bool:
    """Whether its attribute is a property that gives something to wait for."""
    behind: Any = inspect.getattr_static(field.origin, field.python_name, None)
    return inspect.iscoroutinefunction(getattr(behind, "fget", None))
