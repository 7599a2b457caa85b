"""A worklist served on a real socket, and what tests send to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

from pacs import workitem_ups
from pacs.archive.ups_routes import routes
from pacs.archive.worklist import Worklist
from pacs.attributes import JSONDataset
from pacs.workitem_check import checked
from tests.pacs.workitem_examples import minimal
from tests.served import served

JSON = {"Content-Type": "application/dicom+json"}
PERFORMED: JSONDataset = {
    "00741216": {
        "vr": "SQ",
        "Value": [
            {
                "00404028": {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": ["NGV"]}}]},
                "00404050": {"vr": "DT", "Value": ["20000101120500"]},
                "00404051": {"vr": "DT", "Value": ["20000101122000"]},
                "00404019": {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": ["CT"]}}]},
                "00404033": {"vr": "SQ"},
            }
        ],
    }
}
"""What a workitem must have been given before it is completed."""


@asynccontextmanager
async def running(app: Starlette) -> AsyncIterator[str]:
    """The URL of an application on a real socket."""
    async with served(app, log_level="error", ws="websockets-sansio") as port:
        yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def serving(path: Path) -> AsyncIterator[str]:
    """The URL of the DICOMweb root of a worklist in a file."""
    worklist = Worklist(path)
    await worklist.open()
    async with running(Starlette(routes=routes(worklist))) as url:
        try:
            yield f"{url}/dicom-web"
        finally:
            worklist.listeners.close()
    await worklist.close()


def ups(**changes: Any) -> JSONDataset:
    """The payload of a Create."""
    return workitem_ups.write(checked(minimal(**changes)))


def state(name: str, transaction_uid: str | None = None) -> JSONDataset:
    """The payload of a Change State."""
    body: JSONDataset = {"00741000": {"vr": "CS", "Value": [name]}}
    return body | ({"00081195": {"vr": "UI", "Value": [transaction_uid]}} if transaction_uid else {})


class Client(httpx.AsyncClient):
    """A UPS-RS client."""

    async def create(self, uid: str, payload: JSONDataset | None = None) -> httpx.Response:
        return await self.post(f"/workitems?{uid}", json=payload or ups(), headers=JSON)

    async def move(self, uid: str, to: str, transaction_uid: str | None = None) -> httpx.Response:
        return await self.put(f"/workitems/{uid}/state", json=state(to, transaction_uid), headers=JSON)

    async def workitem(self, uid: str) -> JSONDataset:
        answer = await self.get(f"/workitems/{uid}")
        (found,) = answer.raise_for_status().json()
        return dict(found)

    async def state_of(self, uid: str) -> str:
        return str((await self.workitem(uid))["00741000"]["Value"][0])

    async def found(self, query: str) -> list[str]:
        answer = await self.get(f"/workitems?{query}")
        assert answer.status_code in (200, 204), answer.text
        return [item["00080018"]["Value"][0] for item in answer.json()] if answer.content else []
