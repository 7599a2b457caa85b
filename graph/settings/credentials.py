"""What settings may look like by which this service proves who it is to another server."""

from typing import Annotated

from pydantic import AfterValidator, SecretStr


def header_token(token: SecretStr) -> SecretStr:
    """A token that can stand in an Authorization header (RFC 9110 §5.5); `ValueError` otherwise."""
    text = token.get_secret_value()
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("cannot be sent as a bearer token: only visible ASCII characters, without spaces, can")
    return token


HeaderToken = Annotated[SecretStr, AfterValidator(header_token)]


def check_credentials(of: str, username: str | None, password: SecretStr | None, token: SecretStr | None) -> None:
    """One kind of credentials or none, whole; `of` is the settings' prefix, e.g. PACS. `ValueError` otherwise."""
    if token and username:
        raise ValueError(f"{of}_TOKEN and {of}_USERNAME exclude each other: set one of them")
    if password and not username:
        raise ValueError(f"{of}_PASSWORD is of no use without {of}_USERNAME: set both")
    if username and ":" in username:
        raise ValueError(f"{of}_USERNAME holds a colon, which HTTP Basic has no way to send (RFC 7617 §2)")
