"""Parameters of the Worklist Service's URLs, in all the spellings that editions of PS3.18 and clients have used."""

from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote

from starlette.exceptions import HTTPException
from starlette.requests import Request

from pacs.attributes import Dataset, JSONDataset
from pacs.uids import is_uid

_WORKITEM = frozenset({"workitem", "affectedsopinstanceuid", "affectedsopinstance"})
_TRANSACTION = frozenset({"transaction", "transaction-uid", "transactionuid"})
_UNKNOWN_REQUESTER = "ANONYMOUS"
_MAX_AE_TITLE_LENGTH = 16


def workitem_uid(request: Request, payload: JSONDataset) -> str:
    """The UID of a workitem to be created: `?{uid}`, `?workitem={uid}`, or SOP Instance UID in the payload.

    Two that differ are refused, and so is none: §11.4.1 leaves the choice of the UID to the client.
    """
    found = {*_uids(request, _WORKITEM), *Dataset(payload).texts("SOPInstanceUID")}
    if len(found) != 1:
        raise HTTPException(400, "exactly one workitem UID is needed, as /workitems?{uid} or in (0008,0018)")
    return checked_uid(found.pop())


def transaction_uid(request: Request, payload: JSONDataset) -> str | None:
    """The Transaction UID: `?{uid}`, `?transaction=`, `?transaction-uid=` or (0008,1195), if there is one."""
    found = {*_uids(request, _TRANSACTION), *Dataset(payload).texts("TransactionUID")}
    if len(found) > 1:
        raise HTTPException(400, "two Transaction UIDs that differ")
    return checked_uid(found.pop()) if found else None


def requester(request: Request) -> str:
    """The AE title of who asks, which some clients add: `…/cancelrequest/{requester}` or `?requester=`."""
    given = request.path_params.get("requester") or request.query_params.get("requester")
    return checked_ae_title(given) if given else _UNKNOWN_REQUESTER


def checked_ae_title(text: str) -> str:
    """An AE title, or 400."""
    title = text.strip()
    if not title or len(title) > _MAX_AE_TITLE_LENGTH or not title.isascii() or not title.isprintable():
        raise HTTPException(400, "an AE title has 1 to 16 printable ASCII characters")
    return title


def checked_uid(text: str) -> str:
    """A UID, or 400."""
    if not is_uid(text):
        raise HTTPException(400, "a UID of a workitem or transaction is malformed")
    return text


def _uids(request: Request, names: Iterable[str]) -> list[str]:
    found = [value for name, value in parse_qsl(request.url.query) if name.lower() in names]
    return found + [bare for part in request.url.query.split("&") if is_uid(bare := unquote(part).removesuffix("="))]
