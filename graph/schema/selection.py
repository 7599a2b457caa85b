"""What a query asks for below a field, so that the PACS is asked for that and no more."""

from collections.abc import Iterable
from typing import Any

import strawberry
from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, InlineFragmentNode

_Parent = FieldNode | InlineFragmentNode | FragmentDefinitionNode


def selected(info: strawberry.Info[Any, Any], *paths: str, surely: bool = False) -> frozenset[str]:
    """Names of the fields selected at any of `paths` below this field: `""` right below, `edges.node` deeper.

    `surely` leaves out what a directive may leave out.
    """
    fragments = info._raw_info.fragments

    def below(parents: Iterable[_Parent], name: str | None = None) -> list[FieldNode]:
        """The fields below, of this name or of any."""
        found: list[FieldNode] = []
        for parent in parents:
            for node in parent.selection_set.selections if parent.selection_set else ():
                if surely and node.directives:
                    continue
                if isinstance(node, FieldNode):
                    if name is None or node.name.value == name:
                        found.append(node)
                elif isinstance(node, InlineFragmentNode):
                    found += below([node], name)
                elif isinstance(node, FragmentSpreadNode):
                    found += below([fragments[node.name.value]], name)
        return found

    names: set[str] = set()
    for path in paths:
        fields = list(info._raw_info.field_nodes)
        for step in path.split(".") if path else ():
            fields = below(fields, step)
        names.update(field.name.value for field in below(fields))
    return frozenset(names)
