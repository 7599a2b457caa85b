"""`attribute("StudyDate")`: one line makes a DICOM attribute a GraphQL field.

The field is named after the keyword, typed by its annotation, and read lazily from the object's `dataset`. To the
executor it is a plain attribute, which keeps long lists fast (measured: an async method a field costs 13 times more).
"""

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any, Literal, TypeVar, dataclass_transform

import strawberry
from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword
from strawberry.types.base import get_object_definition
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from graph.schema.naming import field_name
from graph.schema.selection import selected
from pacs.attributes import Dataset, Name

_T = TypeVar("_T", bound=type)
_READ = "read"
_COLUMN = "column"
_KEYWORD = "keyword"


@strawberry.type(description="A DICOM PN. Each representation is family^given^middle^prefix^suffix.")
class PersonName:
    """A person's name in its up to three representations."""

    alphabetic: str | None
    ideographic: str | None
    phonetic: str | None
    family_name: str | None
    given_name: str | None

    @classmethod
    def of(cls, name: Name | None) -> "PersonName | None":
        """The GraphQL side of a name."""
        if name is None:
            return None
        return cls(
            alphabetic=name.alphabetic,
            ideographic=name.ideographic,
            phonetic=name.phonetic,
            family_name=name.family_name,
            given_name=name.given_name,
        )


def attribute(keyword: str, *, description: str | None = None, init: Literal[False] = False) -> Any:
    """A field that reads the attribute `keyword` from the object's `dataset`."""
    read = _reader(keyword)
    metadata = {_KEYWORD: keyword, _COLUMN: lambda rows: rows.table.column(keyword, read)}
    return _field(lambda self: read(self.dataset, keyword), init, field_name(keyword), description, metadata)


def computed(
    read: Callable[[Any], Any],
    *,
    keyword: str | None = None,
    description: str | None = None,
    init: Literal[False] = False,
) -> Any:
    """A field that is computed from the object, at once and without waiting; `keyword` is the attribute it needs."""
    return _field(read, init, None, description, {_KEYWORD: keyword})


def derived(
    make: Callable[..., Any],
    *names: str,
    keyword: str | None = None,
    description: str | None = None,
    init: Literal[False] = False,
) -> Any:
    """A field that `make` makes of other attributes of the object, by name; the rest as for `computed`.

    What all objects of a list share may be named with what is wanted of it: `scope.links`.
    """
    values = attrgetter(*names)
    one = len(names) == 1
    metadata = {_KEYWORD: keyword, _COLUMN: lambda rows: list(map(make, *map(rows.column, names)))}
    read = (lambda self: make(values(self))) if one else (lambda self: make(*values(self)))
    return _field(read, init, None, description, metadata)


@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field, attribute, computed, derived))
def dicom_type(description: str | None = None) -> Callable[[_T], _T]:
    """`strawberry.type` for a class with `attribute(…)`, `computed(…)` and `derived(…)` fields."""

    def decorate(cls: _T) -> _T:
        decorated = strawberry.type(cls, description=description)
        for field in get_object_definition(decorated, strict=True).fields:
            if read := field.metadata.get(_READ):
                setattr(decorated, field.python_name, property(read))
        return decorated

    return decorate


def selected_keywords(info: strawberry.Info[Any, Any], cls: type, *paths: str) -> frozenset[str]:
    """The attributes of `cls` that the query selects at `paths` (see `selection.selected`); `dicom` selects `all`."""
    names = selected(info, *paths or ("",))
    if "dicom" in names:
        return frozenset({"all"})
    keywords = _keywords(cls)
    return frozenset(keywords[name] for name in names if name in keywords)


@cache
def columns_of(cls: type) -> dict[str, Callable[[Any], list[Any]]]:
    """How fields of a `dicom_type` are read for all of its `Objects` at once, by their names in Python."""
    fields = get_object_definition(cls, strict=True).fields
    return {field.python_name: field.metadata[_COLUMN] for field in fields if _COLUMN in field.metadata}


@cache
def _keywords(cls: type) -> dict[str, str]:
    """By the names of fields."""
    return {
        field.graphql_name or to_camel_case(field.python_name): field.metadata[_KEYWORD]
        for field in get_object_definition(cls, strict=True).fields
        if field.metadata.get(_KEYWORD)
    }


def _field(
    read: Callable[[Any], Any], init: bool, name: str | None, description: str | None, metadata: dict[str, Any]
) -> Any:
    field: StrawberryField = strawberry.field(name=name, description=description, metadata={_READ: read, **metadata})
    field.init, field.repr, field.compare = init, False, False
    return field


_READERS: dict[str, Callable[[Dataset, str], Any]] = {
    "DA": Dataset.date,
    "TM": Dataset.time,
    "PN": lambda dataset, keyword: PersonName.of(dataset.name(keyword)),
    "IS": Dataset.integer,
    "US": Dataset.integer,
    "UL": Dataset.integer,
}


def _reader(keyword: str) -> Callable[[Dataset, str], Any]:
    r"""How the attribute is read: by its VR, and as a list where the dictionary allows many values.

    A text is read with the backslashes that it should not have: `a\b` is neither patient a nor patient b.
    """
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise ValueError(f"{keyword} is no DICOM keyword")
    many = dictionary_VM(tag) != "1"
    return Dataset.texts if many else _READERS.get(dictionary_VR(tag), Dataset.known_text)
