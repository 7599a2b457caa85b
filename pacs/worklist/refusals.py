"""Why a worklist does not do what it is asked, in the same words whatever its dialect."""

from pacs.errors import Conflict, NotFound, PacsFault


def already_scheduled() -> Conflict:
    """A study has one workitem that is not final."""
    return Conflict("a workitem for this study is scheduled already")


def has_begun() -> Conflict:
    """There is nothing to withdraw any more."""
    return Conflict("the examination is in progress: only who performs it can cancel it")


def nothing_scheduled() -> NotFound:
    """There is nothing to withdraw."""
    return NotFound("nothing is scheduled for this study")


def not_made(status: int) -> PacsFault:
    """The server answered a workitem with this status."""
    return PacsFault(f"the PACS refused the workitem with status {status}")
