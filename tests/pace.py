"""How fast this machine is just now: a virtual one may have a third of its speed for hours (measured)."""

import time

from graphql import parse

_USUAL_SECONDS = 0.0075
"""About what the work below takes where nobody else uses the processors, of 2 GHz."""
_DOCUMENT = "{ " + " ".join(f'a{n}: studies(patientID: "A") {{ totalCount }}' for n in range(200)) + " }"


def slowness() -> float:
    """How many times longer than usual it takes to parse a document, for bounds of time; at least 1."""
    return max(1.0, min(_seconds() for _ in range(5)) / _USUAL_SECONDS)


def _seconds() -> float:
    started = time.process_time()
    parse(_DOCUMENT)
    return time.process_time() - started
