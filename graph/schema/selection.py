"""What a query asks for below a field, so that the PACS is asked for that and no more."""

from collections.abc import Iterable
from typing import Any

import strawberry
from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, InlineFragmentNode


def selected(info: strawberry.Info[Any, Any], *paths: str, surely: bool = False) -> frozenset[str]:
    """Names of the fields selected at any of `paths` below this field: `""` right below, `edges.node` deeper.

    `surely` leaves out what a directive may leave out.
    """
    fragments = info._raw_info.fragments

    def below(fields: Iterable[FieldNode | InlineFragmentNode | FragmentDefinitionNode]) -> list[FieldNode]:
        found: list[FieldNode] = []
        for field in fields:
            for node in field.selection_set.selections if field.selection_set else ():
                if surely and node.directives:
                    continue
                if isinstance(node, FieldNode):
                    found.append(node)
                elif isinstance(node, InlineFragmentNode):
                    found += below([node])
                elif isinstance(node, FragmentSpreadNode):
                    found += below([fragments[node.name.value]])
        return found

    names: set[str] = set()
    for path in paths:
        fields = below(info._raw_info.field_nodes)
        for step in path.split(".") if path else ():
            fields = below(field for field in fields if field.name.value == step)
        names.update(field.name.value for field in fields)
    return frozenset(names)
