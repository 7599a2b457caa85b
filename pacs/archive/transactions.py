"""What a handler says of its transaction, for those who ask what the service can do (PS3.18 §8.9)."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

Handler = TypeVar("Handler", bound=Callable[..., Any])

_TOLD = "transaction"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """A transaction, but for its method and resource, which are in the route table.

    `name` begins its id in a Capabilities Description; empty, it is derived from the method. `produces` and `consumes`
    are media types, the default first; `parameters` are names of query parameters. `status` is what success has.
    What is not `offered` is answered, with a refusal, but not told of.
    """

    name: str = ""
    produces: tuple[str, ...] = ()
    consumes: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    status: int = 200
    offered: bool = True


def transaction(**told: Any) -> Callable[[Handler], Handler]:
    """Says of a handler what `Transaction` holds."""

    def decorate(handler: Handler) -> Handler:
        setattr(handler, _TOLD, Transaction(**told))
        return handler

    return decorate


def transaction_of(handler: Callable[..., Any]) -> Transaction:
    """What a handler says, whatever it is wrapped in; nothing where it says nothing."""
    found: Transaction = getattr(inspect.unwrap(handler), _TOLD, Transaction())
    return found
