"""The callback: can a PACS reach it, and is its token the one that is asked for?"""

from collections.abc import Mapping

import httpx

from graph.doctor.findings import Finding, Findings, note, ok, problem
from graph.settings import Settings

_PATH = "/new-exam-callback"
_SECONDS = 5.0


async def examine_callback(settings: Settings, *, post: bool) -> Findings:
    """Under PUBLIC_URL, or where the server listens. Posts only if `post`: an announcement of nothing, refused."""
    base = settings.public_url or _listening_at(settings)
    if settings.callback_token is None:
        yield note("anybody who reaches it may announce exams: CALLBACK_TOKEN is not set", "set CALLBACK_TOKEN")
    async with httpx.AsyncClient(timeout=_SECONDS, trust_env=False) as client:
        try:
            answer = await client.get(f"{base}{_PATH}")
        except httpx.HTTPError as error:
            yield problem(
                f"{base} cannot be asked ({type(error).__name__})",
                "start the server, or correct PUBLIC_URL (or HOST and PORT)",
            )
            return
        yield _reached(answer, base)
        yield note("whether your PACS reaches it from its machine can not be told from here", f"try curl {base}{_PATH}")
        if answer.status_code == httpx.codes.METHOD_NOT_ALLOWED:
            yield await _token(client, base, settings) if post else note("its token was not tried", "--post tries it")


def _listening_at(settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"


def _reached(answer: httpx.Response, base: str) -> Finding:
    if answer.status_code == httpx.codes.METHOD_NOT_ALLOWED:
        return ok(f"reachable at {base}{_PATH}")
    return problem(
        f"{base}{_PATH} answers with status {answer.status_code}: that is not this service",
        "correct PUBLIC_URL, or what the proxy before the server does with this path",
    )


async def _token(client: httpx.AsyncClient, base: str, settings: Settings) -> Finding:
    token = settings.callback_token
    headers: Mapping[str, str] = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
    try:
        answer = await client.post(f"{base}{_PATH}", json={}, headers=headers)
    except httpx.HTTPError as error:
        return problem(f"breaks off when it is posted to ({type(error).__name__})", "check the proxy before the server")
    if answer.status_code == httpx.codes.BAD_REQUEST:
        return ok("takes posts with the token, and refuses an announcement of nothing")
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return problem("refuses the token", "give the server and this command the same CALLBACK_TOKEN")
    return problem(f"answers a post with status {answer.status_code}", "check the proxy before the server")
