"""Python's search for garbage in cycles, tuned for a server that holds much and makes little of it."""

import gc

_YOUNG = 10_000
"""Objects made, less those freed, between two searches of the youngest: a large answer makes more than Python's 700."""
_MIDDLE, _OLD = 20, 50


def tune() -> None:
    """What is there now is for good and is never searched again; what comes is searched less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
