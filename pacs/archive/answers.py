"""Answers that are streamed from a disk which may fail on the way."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from pacs.archive.faults import report


class Streamed(StreamingResponse):
    """A body that is sent as it is read.

    Its first piece is read before the status is sent, so that what fails at once is told by one. What fails later
    breaks the answer off: the server closes the connection (RFC 9112 §8), and nobody takes the body for whole.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._pieces = aiter(self.body_iterator)
        try:
            self._first = await anext(self._pieces, b"")
        except HTTPException:
            raise
        except Exception as error:  # what makes an answer raises more kinds than `FAULTS`
            fault = report("archive_failed", error)
            await PlainTextResponse(fault.sentence, fault.status)(scope, receive, send)
            return
        try:
            await super().__call__(scope, receive, send)
        finally:
            if close := getattr(self._pieces, "aclose", None):
                await close()

    async def stream_response(self, send: Send) -> None:
        """Sends the pieces; after a failure the body has no end."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        piece: Any = self._first
        while piece is not None:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            try:
                piece = await anext(self._pieces, None)
            except Exception as error:  # whatever it is, the answer only breaks off
                report("archive_answer_broke_off", error)
                return
        await send({"type": "http.response.body", "body": b"", "more_body": False})
