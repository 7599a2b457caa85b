"""The Storage Commitment Service over HTTP (PS3.18 ch. 13)."""

import sqlite3
from functools import wraps

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from pacs.archive import commitment_datasets
from pacs.archive.commitment import Commitments, TransactionTaken
from pacs.archive.commitment_store import Commitment
from pacs.archive.faults import report
from pacs.archive.http import JSON_TYPES, ROOT, dicom_json, require_json
from pacs.archive.resources import Handler
from pacs.archive.transactions import transaction
from pacs.archive.ups_bodies import read_dataset
from pacs.archive.ups_parameters import checked_uid
from pacs.errors import BadAttribute

_WAIT_SECONDS = 2.0
_RETRY_SECONDS = 5


def routes(commitments: Commitments) -> list[BaseRoute]:
    """The service's resource, under the DICOMweb root."""
    service = _Service(commitments)
    path = f"{ROOT}/commitment-requests/{{uid}}"
    table = {"POST": service.ask, "GET": service.check}
    return [Route(path, _refusing(handler), methods=[method]) for method, handler in table.items()]


def _refusing(handler: Handler) -> Handler:
    """Turns what a transaction raises into its status code."""

    @wraps(handler)
    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except BadAttribute as error:
            raise HTTPException(400, str(error)) from error
        except TransactionTaken as error:
            raise HTTPException(409, str(error)) from error
        except (OSError, sqlite3.Error) as error:
            # 503 is what table 13.4.3-1 has for every fault
            return PlainTextResponse(report("commitments_failed", error).sentence, 503)

    return answer


class _Service:
    """One handler for each transaction."""

    def __init__(self, commitments: Commitments) -> None:
        self._commitments = commitments

    @transaction(name="Request", consumes=JSON_TYPES, produces=JSON_TYPES)
    async def ask(self, request: Request) -> Response:
        """§13.4. The result where it is known soon; else 202, and who asked comes back for it."""
        require_json(request)
        uid = checked_uid(request.path_params["uid"])
        references = commitment_datasets.references(await read_dataset(request))
        await self._commitments.ask(uid, references)
        return _answer(await self._commitments.seen(uid, _WAIT_SECONDS))

    @transaction(produces=JSON_TYPES)
    async def check(self, request: Request) -> Response:
        """§13.5. Requests that came over DIMSE are known as well."""
        require_json(request)
        return _answer(await self._commitments.find(checked_uid(request.path_params["uid"])))


def _answer(commitment: Commitment | None) -> Response:
    if commitment is None:
        raise HTTPException(404, "there is no such request")
    if commitment.reasons is None:
        return Response(status_code=202, headers={"retry-after": str(_RETRY_SECONDS)})
    return dicom_json(commitment_datasets.result(commitment))
