"""Python's search for garbage in cycles, tuned for a server that holds much and makes little of it."""

import gc

_YOUNG = 10_000
"""Objects made, less those freed, between two searches of the youngest: a large answer makes more than Python's 700."""
_MIDDLE, _OLD = 20, 50


def pause() -> None:
    """No search until `tune`: what a start makes is there for good, and a tenth of its time went into searching it."""
    gc.disable()


def tune() -> None:
    """What is there now, a few cycles among it, is never searched again; what comes is searched less often."""
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
    gc.enable()
