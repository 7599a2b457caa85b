"""An answer's head goes out together with the beginning of its body.

uvicorn writes it by itself, so that a client is woken for it, and once more for the body.
"""

from asyncio import Transport

_INTERIM = b"HTTP/1.1 100 "


class WholeAnswer:
    """What uvicorn writes one answer to, instead of `transport`: the first piece, the head, waits for the second.

    For answers that have a second piece, be it empty: all but those to HEAD.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._head: bytes | None = None
        self._is_begun = False

    def write(self, piece: bytes) -> None:
        """See asyncio."""
        if self._head is not None:
            head, self._head = self._head, None
            self._transport.writelines((head, piece))
        elif self._is_begun or piece.startswith(_INTERIM):
            self._transport.write(piece)
        else:
            self._is_begun, self._head = True, piece

    def close(self) -> None:
        """See asyncio. What waits is sent before."""
        if self._head is not None:
            self.write(b"")
        self._transport.close()

    def is_closing(self) -> bool:
        """See asyncio."""
        return self._transport.is_closing()
