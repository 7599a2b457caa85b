"""Datasets of a large answer with the attributes that are wanted alone: the others are read over, and never made.

Of the metadata of 100 images with 257 attributes each (1.9 MB), orjson makes all in 21 ms, and this the eight that a
query wants in 4.5 ms (measured).
"""

from functools import lru_cache

from pydantic_core import SchemaValidator, ValidationError, core_schema

from pacs.attributes import JSONDataset


def excerpt(content: bytes, tags: frozenset[str]) -> list[JSONDataset] | None:
    """The datasets of a JSON list, each with no more than `tags`; None for what is no list of datasets."""
    try:
        found: list[JSONDataset] = _reader(tags).validate_json(content)
    except ValidationError:
        return None
    return found


@lru_cache(maxsize=64)
def _reader(tags: frozenset[str]) -> SchemaValidator:
    elements = {tag: core_schema.typed_dict_field(core_schema.any_schema(), required=False) for tag in tags}
    return SchemaValidator(core_schema.list_schema(core_schema.typed_dict_schema(elements, extra_behavior="ignore")))
