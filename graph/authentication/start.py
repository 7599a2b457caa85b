"""The authenticator that the settings ask for."""

from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import httpx
import structlog

from graph.access import Role
from graph.authentication.authenticator import Authenticator, NoAuthentication
from graph.authentication.claims import ClaimNames
from graph.authentication.key_file import KeyFileAuthenticator
from graph.authentication.keys import FixedKeys, Keys
from graph.authentication.published_keys import PublishedKeys
from graph.authentication.tokens import TokenAuthenticator
from graph.settings import Settings
from graph.settings.serving import is_loopback

log = structlog.get_logger(__name__)


async def start_authenticator(settings: Settings, stack: AsyncExitStack) -> Authenticator:
    """Ready for requests, until `stack` ends. Raises `BadKeyFile` or `BadKeys` for a file that holds none."""
    if settings.auth == "none":
        return NoAuthentication()
    if settings.auth == "api-key" and settings.api_key_file is not None:
        authenticator = KeyFileAuthenticator(settings.api_key_file)
        await authenticator.start()
        stack.push_async_callback(authenticator.aclose)
        return authenticator
    names = ClaimNames(
        subject=settings.jwt_subject_claim,
        role=settings.jwt_role_claim,
        patient_id=settings.jwt_patient_id_claim,
        roles={value: Role(role) for value, role in settings.jwt_roles},
    )
    return TokenAuthenticator(
        await _keys(settings, stack),
        names,
        issuer=settings.jwt_issuer or "",
        audience=settings.jwt_audience,
        algorithms=settings.pinned_algorithms,
        leeway_seconds=settings.jwt_leeway_seconds,
    )


async def _keys(settings: Settings, stack: AsyncExitStack) -> Keys:
    if settings.jwt_secret is not None:
        return FixedKeys.of_secret(settings.jwt_secret.get_secret_value())
    keys = await _published(settings, stack)
    stack.push_async_callback(keys.aclose)
    return keys


async def _published(settings: Settings, stack: AsyncExitStack) -> PublishedKeys:
    if settings.jwt_jwks_file is not None:
        return PublishedKeys.of_file(settings.jwt_jwks_file)
    url = settings.jwt_jwks_url or ""
    if urlsplit(url).scheme == "http" and not is_loopback(urlsplit(url).hostname or ""):
        log.warning("keys of the issuer come over http: whoever changes them on their way makes tokens", url=url)
    client = await stack.enter_async_context(httpx.AsyncClient(follow_redirects=False))
    return PublishedKeys.of_url(url, client)
