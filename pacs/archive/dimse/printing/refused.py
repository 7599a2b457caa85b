"""What a printer refuses."""

INVALID_VALUE = 0x0106
PROCESSING_FAILURE = 0x0110
DUPLICATE = 0x0111
NO_SUCH_INSTANCE = 0x0112
NO_SUCH_CLASS = 0x0118
MISSING_ATTRIBUTE = 0x0120
UNRECOGNIZED_OPERATION = 0x0211
NO_FILM_BOX = 0xC600
IMAGE_TOO_LARGE = 0xC603
OUT_OF_MEMORY = 0xC605


class Refused(Exception):
    """A request that is answered with a failure: its DIMSE status (PS3.7 Annex C, PS3.4 H.4) and an Error Comment."""

    def __init__(self, status: int, comment: str) -> None:
        super().__init__(comment)
        self.status = status
        self.comment = comment[:64]  # LO
