"""What every store promises, as tests: a class a noun, run on each store by a module that gives the fixtures.

`store` is an open, empty store; `reopen` closes it and opens it again on the same data.
"""

from collections.abc import Awaitable, Callable

from persistence.store import Store

Reopen = Callable[[], Awaitable[Store]]
