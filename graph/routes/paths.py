"""What stands in the path of a REST route."""

from starlette.requests import HTTPConnection

from graph.errors import bad_input
from pacs.uids import is_uid


def uid_in_path(connection: HTTPConnection, name: str) -> str:
    """The UID under this name; BAD_USER_INPUT when it is none. Zeros before components pass: there are such objects."""
    uid: str = connection.path_params[name]
    if not is_uid(uid, lenient=True):
        raise bad_input(f"the {name} in the path is not a UID")
    return uid
