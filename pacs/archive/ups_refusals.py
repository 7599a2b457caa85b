"""What a Worklist Service answers to requests that it refuses: a status code, and the reason in `Warning`."""

from functools import wraps

from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from pacs.archive.http import warning_header
from pacs.archive.resources import Handler
from pacs.archive.ups_states import Request, Status
from pacs.archive.worklist_steps import UpsRefused
from pacs.errors import BadAttribute, BadQuery

_CONFLICT = 409
_HTTP_STATUS = {Status.UNKNOWN: 404, Status.WRONG_TRANSACTION_UID: 400}


def refusing(handler: Handler) -> Handler:
    """Turns what a transaction raises into its status code, with the reason in `Warning` (PS3.18 §8.4.2)."""

    @wraps(handler)
    async def answer(request: HttpRequest) -> Response:
        try:
            return await handler(request)
        except UpsRefused as refused:
            return _refusal(_status(refused), str(refused))
        except (BadAttribute, BadQuery) as error:
            return _refusal(400, str(error))
        except HTTPException as error:
            return _refusal(error.status_code, error.detail)

    return answer


def _status(refused: UpsRefused) -> int:
    if refused.request is Request.UPDATE:
        return 400  # Table 11.6.3-1: a final state is a bad request
    return _HTTP_STATUS.get(refused.status, _CONFLICT)


def _refusal(status: int, message: str) -> Response:
    printable = message.encode("ascii", "replace").decode()  # a header takes no more
    return Response(printable, status, headers=warning_header([printable]), media_type="text/plain")
