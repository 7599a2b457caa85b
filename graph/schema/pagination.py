"""Relay connections: opaque cursors, and pages cut from a sorted list or read from a store.

A cursor holds the sort key of its row, so that a page stays right when rows appear or go before it.
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import orjson
import strawberry

from graph.errors import ContractError, bad_input

_T = TypeVar("_T")
_MAX_FIRST = 1000
_MAX_CURSOR_LENGTH = 512

Key = tuple[str | int, ...]


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    """Relay's PageInfo."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@dataclass(frozen=True)
class Page(Generic[_T]):
    """The rows of a page with their cursors, and what lies around them."""

    rows: list[_T]
    cursors: list[str]
    info: PageInfo


@dataclass(frozen=True)
class Cursors:
    """The cursors of one list: its kind, and the types of its sort key's parts."""

    kind: str
    shape: tuple[type, ...]

    def encode(self, key: Key) -> str:
        """The cursor of the row with this sort key."""
        return base64.urlsafe_b64encode(orjson.dumps([self.kind, *key])).rstrip(b"=").decode()

    def decode(self, cursor: str) -> Key:
        """The sort key in a cursor; BAD_USER_INPUT when it is no cursor of this list."""
        try:
            if len(cursor) > _MAX_CURSOR_LENGTH:
                raise ValueError
            padded = cursor + "=" * (-len(cursor) % 4)
            kind, *key = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
            if kind != self.kind or tuple(map(type, key)) != self.shape:
                raise ValueError
        except (ValueError, TypeError):
            raise not_a_cursor() from None
        return tuple(key)

    def page(self, rows: Sequence[_T], keys: Sequence[Key], *, more: bool, after: str | None) -> Page[_T]:
        """A page that was cut already, by a store, say."""
        cursors = [self.encode(key) for key in keys]
        info = PageInfo(
            has_next_page=more,
            has_previous_page=after is not None,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        )
        return Page(list(rows), cursors, info)

    def cut(self, rows: Sequence[_T], key: Callable[[_T], Key], first: int, after: str | None) -> Page[_T]:
        """The page after a cursor in `rows`, which are sorted by `key`, largest first."""
        check_first(first)
        keys = [key(row) for row in rows]
        last = self.decode(after) if after is not None else None
        start = 0 if last is None else next((n for n, one in enumerate(keys) if one < last), len(rows))
        end = start + first
        return self.page(rows[start:end], keys[start:end], more=end < len(rows), after=after)


def not_a_cursor() -> ContractError:
    """BAD_USER_INPUT for what was made up, or is from another list."""
    return bad_input("after is not a cursor of this list")


def check_first(first: int) -> int:
    """How many rows a page may have; BAD_USER_INPUT when that is out of bounds."""
    if not 0 < first <= _MAX_FIRST:
        raise bad_input(f"first is {first}, it must be from 1 to {_MAX_FIRST}")
    return first
