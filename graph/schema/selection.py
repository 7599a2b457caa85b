"""What a query asks for below a field, so that the PACS is asked for that and no more."""

from collections.abc import Iterable, Iterator
from typing import Any

import strawberry
from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode

_Selections = Iterable[SelectionSetNode | None]


def selected(info: strawberry.Info[Any, Any], *paths: str, surely: bool = False) -> frozenset[str]:
    """Names of the fields selected at any of `paths` below this field: `""` right below, `edges.node` deeper.

    `surely` leaves out what a directive may leave out.
    """
    fragments = info._raw_info.fragments
    here = [node.selection_set for node in info._raw_info.field_nodes]

    def fields(selections: _Selections) -> Iterator[FieldNode]:
        for selection_set in selections:
            for node in selection_set.selections if selection_set else ():
                if surely and node.directives:
                    continue
                if isinstance(node, FieldNode):
                    yield node
                elif isinstance(node, InlineFragmentNode):
                    yield from fields([node.selection_set])
                elif isinstance(node, FragmentSpreadNode):
                    yield from fields([fragments[node.name.value].selection_set])

    def names(selections: _Selections, steps: list[str]) -> Iterator[str]:
        for node in fields(selections):
            if not steps:
                yield node.name.value
            elif node.name.value == steps[0]:
                yield from names([node.selection_set], steps[1:])

    return frozenset(name for path in paths for name in names(here, path.split(".") if path else []))
