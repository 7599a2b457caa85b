"""GraphQL documents made after the schema: most of them valid, all of them odd. Each draw may go wrong on purpose."""

from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLType,
    get_named_type,
)
from hypothesis import strategies as st

from graph.schema.pagination import Cursors
from tests.samples import Sample

_DEEPEST = 5
_ODD_TEXTS = [
    "", " ", "*", "?", "\\", "a,b", "'", '"', "\x00", "\u202e", "𝕏", "é" * 70, "x" * 300, "%00", "../..", "${7*7}",
    "{{7*7}}", "a\nb", "<script>", "2026-02-30", "24:00", "-1", "1e400", "1." * 40, "9" * 64, "1..2",
]  # fmt: skip
_FORGED_CURSORS = [
    Cursors(kind, ()).encode(key)
    for kind, key in [
        ("event", (2**64 - 1,)), ("event", (-1,)), ("study", ("\x00", "*", "\uffff")), ("workitem", ("0&x=y", "1.2")),
        ("workitem", ("20300101000000.000000", "\x00")), ("delivery", ("\x00",)), ("access", ('{"$gt": ""}',)),
    ]
]  # fmt: skip
_ODD_NUMBERS = [0, 1, 50, 1000, 1001, -1, 2**31 - 1, -(2**31), 2**31]
_ODD_LITERALS = [
    "null",
    "5",
    "-0",
    "1.5e3",
    '"x"',
    "[]",
    "{}",
    "[[null]]",
    "true",
    "ENUM",
    '"""b"""',
    "99999999999",
    "9" * 5000,
    "$v",
]


def documents(schema: GraphQLSchema, sample: Sample) -> st.SearchStrategy[str]:
    """Documents with one operation; those that want a UID or patient often name the sample's."""
    return _Grammar(schema, sample).document()


class _Grammar:
    def __init__(self, schema: GraphQLSchema, sample: Sample) -> None:
        self._roots = [("query", schema.query_type)] * 4 + [("mutation", schema.mutation_type)]
        self._is_odd = False
        self._known = {
            "UID": [sample.study, sample.series, sample.instance, "1.2.3"],
            "String": [sample.patient_id, "a"],
            "Date": ["2026-01-31", "20260131"],
            "Time": ["12:00:00", "120000"],
            "DateTime": ["2026-01-31T12:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-12:00"],
            "ID": ["0000000000000000001:217fbabc0e7aa171", "x"],
        }

    def document(self) -> st.SearchStrategy[str]:
        @st.composite
        def draw_document(draw: st.DrawFn) -> str:
            kind, root = draw(st.sampled_from(self._roots))
            self._is_odd = draw(st.integers(0, 2)) == 0
            body = self._selection(draw, root, 0)
            if self._is_odd and draw(st.booleans()):
                return f"{kind} q($v: String) {{ ...F }} fragment F on {root} {body}"
            return f"{kind} {{ ...F }} fragment F on {root} {body}" if draw(st.booleans()) else f"{kind} {body}"

        return draw_document()

    def _selection(self, draw: st.DrawFn, type_: Any, depth: int) -> str:
        names = draw(st.lists(st.sampled_from(sorted(type_.fields)), min_size=1, max_size=3, unique=True))
        return "{ " + " ".join(self._field(draw, type_, name, depth) for name in names) + " }"

    def _field(self, draw: st.DrawFn, type_: Any, name: str, depth: int) -> str:
        field: GraphQLField = type_.fields[name]
        arguments = [
            f"{argument_name}: {self._argument(draw, argument_name, argument.type)}"
            for argument_name, argument in field.args.items()
            if isinstance(argument.type, GraphQLNonNull) or draw(st.booleans())
        ]
        odd_aliases = ["a: ", "__x: "] if self._is_odd else [f"a_{name}: "]
        alias = draw(st.sampled_from(["", "", "", *odd_aliases]))
        directive = draw(st.sampled_from(["", "", "", " @skip(if: false)", " @include(if: true)"]))
        inner = get_named_type(field.type)
        below = ""
        if isinstance(inner, GraphQLObjectType):
            below = self._selection(draw, inner, depth + 1) if depth < _DEEPEST else "{ __typename }"
        given = f"({', '.join(arguments)})" if arguments else ""
        return f"{alias}{name}{given}{directive} {below}"

    def _argument(self, draw: st.DrawFn, name: str, type_: GraphQLType) -> str:
        if name == "after" and self._is_odd and draw(st.booleans()):
            return _quoted(draw(st.sampled_from(_FORGED_CURSORS)))
        return self._literal(draw, type_)

    def _literal(self, draw: st.DrawFn, type_: GraphQLType) -> str:
        if self._is_odd and draw(st.integers(0, 4)) == 0:
            return str(draw(st.sampled_from(_ODD_LITERALS)))
        if isinstance(type_, GraphQLNonNull):
            return self._literal(draw, type_.of_type)
        if isinstance(type_, GraphQLList):
            items = draw(st.lists(st.just(type_.of_type), max_size=3))
            return "[" + ", ".join(self._literal(draw, item) for item in items) + "]"
        if isinstance(type_, GraphQLEnumType):
            return str(draw(st.sampled_from(sorted(type_.values))))
        if isinstance(type_, GraphQLInputObjectType):
            return self._input_object(draw, type_)
        return self._scalar(draw, get_named_type(type_).name)

    def _input_object(self, draw: st.DrawFn, type_: GraphQLInputObjectType) -> str:
        given = [
            f"{name}: {self._literal(draw, field.type)}"
            for name, field in type_.fields.items()
            if isinstance(field.type, GraphQLNonNull) or draw(st.integers(0, 4)) == 0
        ]
        return "{" + ", ".join(given) + "}"

    def _scalar(self, draw: st.DrawFn, name: str) -> str:
        if name == "Int":
            return str(draw(st.sampled_from(_ODD_NUMBERS if self._is_odd else [1, 2, 50])))
        if name == "Boolean":
            return draw(st.sampled_from(["true", "false"]))
        known = self._known.get(name, [])
        return _quoted(draw(st.sampled_from([*known, *_ODD_TEXTS] if self._is_odd else known or ["a"])))


def _quoted(text: str) -> str:
    """A GraphQL string: as JSON has it, characters below the space escaped."""
    escaped = "".join(f"\\u{ord(c):04x}" if ord(c) < 32 or c in '"\\' else c for c in text)
    return f'"{escaped}"'
