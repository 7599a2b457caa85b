"""The Capabilities Description of PS3.18 §8.9 and Annex H: a WADL document, or the same as JSON, of a route table."""

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pacs.archive import http
from pacs.archive.transactions import Transaction, transaction_of

Methods = Mapping[str, Callable[..., Any]]
"""What answers each method of a path."""

WADL = "application/vnd.sun.wadl+xml"
_JSON = "application/json"
_NAMESPACE = "http://wadl.dev.java.net/2009/02"
_VERBS = {"GET": "Retrieve", "POST": "Store", "PUT": "Change", "DELETE": "Delete"}
_TEMPLATE = re.compile(r"{(\w+)(?::\w+)?}")

Node = dict[str, Any]
"""An element: its attributes as text, its children as lists by their names."""


def response(request: Request, path: str, every: Mapping[str, Methods], headers: Mapping[str, str]) -> Response:
    """What can be done with `path` and all below it, as WADL unless JSON is preferred; 406 for anything else."""
    ranges = http.media_ranges(request)
    best = next((name for found in ranges for name in (WADL, _JSON) if found.admits(name)), None)
    if best is None:
        raise HTTPException(406, f"capabilities are told as {WADL} or {_JSON}")
    document = describe(http.base_url(request).removesuffix(http.ROOT), path, every)
    body = _xml(document) if best == WADL else orjson.dumps({"application": document})
    return Response(body, media_type=best, headers=dict(headers))


def describe(server: str, path: str, every: Mapping[str, Methods]) -> Node:
    """The `application` element for `path` and the resources below it; `server` is the URL that all paths go on."""
    prefix = http.ROOT if path.startswith(http.ROOT) else ""
    top: Node = {"base": f"{server}{prefix}/"}
    below = path.rstrip("/") + "/"
    for found in sorted(every):
        if found == path or found.startswith(below):
            root, rest = _template(path).removeprefix(prefix), _template(found)[len(_template(path)) :]
            node = _resource(top, [root.strip("/"), *rest.strip("/").split("/")])
            told = {method: transaction_of(handler) for method, handler in sorted(every[found].items())}
            node["method"] = [_method(method, found, transaction) for method, transaction in told.items()]
    return {"resources": [top]}


def _resource(top: Node, segments: Iterable[str]) -> Node:
    """The node of a path in the tree, made with all that are missing above it."""
    node = top
    for segment in filter(None, segments):
        children: list[Node] = node.setdefault("resource", [])
        known = next((child for child in children if child["path"] == segment), None)
        if known is None:
            names = _TEMPLATE.findall(segment)
            known = {"path": segment, "param": [{"name": name, "style": "template"} for name in names]}
            children.append(known)
        node = known
    return node


def _method(method: str, path: str, told: Transaction) -> Node:
    parameters: list[Node] = [{"name": name, "style": "query"} for name in told.parameters]
    if told.produces:
        options = [{"value": name} for name in told.produces]
        parameters.append({"name": "Accept", "style": "header", "default": told.produces[0], "option": options})
    return {
        "name": method,
        "id": (told.name or _VERBS.get(method, method.capitalize())) + _subject(path),
        "request": [{"param": parameters, "representation": _representations(told.consumes)}],
        "response": [{"status": str(told.status), "representation": _representations(told.produces)}],
    }


def _representations(media_types: Iterable[str]) -> list[Node]:
    return [{"mediaType": name} for name in media_types]


def _subject(path: str) -> str:
    """What a path is about, in one word: `StudySeriesMetadata`."""
    segments = _template(path).removeprefix(http.ROOT).strip("/").split("/")
    words = (_word(*pair) for pair in pairwise([*segments, ""]))
    return "".join(part.capitalize() for word in words for part in re.findall(r"[A-Za-z]+", word))


def _word(segment: str, following: str) -> str:
    """The name of a segment: of a member, where a template follows; templates are named by the segment before them."""
    if segment.startswith("{"):
        return ""
    member = following.strip("{}") if following.startswith("{") else ""
    if not member or member == segment:
        return segment
    if segment.endswith("s"):
        return segment.removesuffix("ies") + "y" if segment.endswith("ies") else segment.removesuffix("s")
    return f"{segment}-by-{member}"


def _template(path: str) -> str:
    return _TEMPLATE.sub(r"{\1}", path)


def _xml(document: Node) -> bytes:
    root = ElementTree.Element("application", xmlns=_NAMESPACE)
    _fill(root, document)
    encoded: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return encoded


def _fill(element: ElementTree.Element, node: Node) -> None:
    for name, value in node.items():
        if isinstance(value, str):
            element.set(name, value)
        else:
            for child in value:
                _fill(ElementTree.SubElement(element, name), child)
