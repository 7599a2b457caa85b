"""The resources of a service: all methods of a path in one place, and what they are when somebody asks (`OPTIONS`)."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pacs.archive import capabilities
from pacs.archive.capabilities import Methods
from pacs.archive.transactions import transaction_of

Handler = Callable[[Request], Awaitable[Response]]
Table = Iterable[tuple[str, str, Handler]]
"""Method, path, and who answers."""

_OPTIONS = "OPTIONS"


@dataclass(slots=True)
class _Resource:
    """One path: what answers each of its methods."""

    path: str
    every: dict[str, Methods]
    handlers: dict[str, Handler] = field(default_factory=dict)

    @property
    def allow(self) -> str:
        """The value of `Allow` (RFC 9110 §10.2.1)."""
        return ", ".join(sorted({*self.offered, _OPTIONS, *(["HEAD"] if "GET" in self.offered else [])}))

    @property
    def offered(self) -> Methods:
        """What answers the methods that do more than refuse."""
        return {name: handler for name, handler in self.handlers.items() if transaction_of(handler).offered}

    async def answer(self, request: Request) -> Response:
        """What the method's handler answers; for `OPTIONS` the capabilities of this resource and those below; 405."""
        if request.method == _OPTIONS:
            return capabilities.response(request, self.path, self.every, {"allow": self.allow})
        handler = self.handlers.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            raise HTTPException(405, headers={"allow": self.allow})
        response = await handler(request)
        return _without_body(response) if request.method == "HEAD" else response


def _without_body(response: Response) -> Response:
    """The status and headers of an answer; what its body would have been is not even read."""
    head = Response(status_code=response.status_code)
    head.raw_headers = response.raw_headers
    return head


def resources(routes: Sequence[BaseRoute], *, roots: Sequence[str]) -> list[BaseRoute]:
    """The routes, one for each path, so that each knows all its methods; `roots` answer `OPTIONS` alone.

    What is no HTTP route stays as it is.
    """
    every: dict[str, Methods] = {}
    found: dict[str, _Resource] = {root: _Resource(root, every) for root in roots}
    others: list[BaseRoute] = []
    for route in routes:
        if not isinstance(route, Route):
            others.append(route)
            continue
        resource = found.setdefault(route.path, _Resource(route.path, every))
        for method in (route.methods or set()) - {"HEAD"}:
            resource.handlers.setdefault(method, route.endpoint)
    every.update({path: resource.offered for path, resource in found.items() if resource.offered})
    return [*(_route(resource) for resource in found.values()), *others]


def _route(resource: _Resource) -> Route:
    """A route that takes every method: the resource knows better what to say of those that it does not have."""
    route = Route(resource.path, resource.answer)
    route.methods = None
    return route
