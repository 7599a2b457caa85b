"""The page for trying queries: it works without the internet, and cannot be made to talk to anyone else."""

import base64
import hashlib
import re

from graph.engine import explorer


def test_the_page_loads_nothing_from_anywhere() -> None:
    html = bytes(explorer.page().body).decode()
    assert not re.search(r"https?://|//\w+\.\w+|@import|url\(", html)
    assert re.findall(r"(?:src|href)=\S+", html) == ['href="data:,">']


def test_the_policy_allows_just_the_page_s_own_script_and_style() -> None:
    page = explorer.page()
    html, policy = bytes(page.body).decode(), page.headers["content-security-policy"]
    for element in ("script", "style"):
        [content] = re.findall(f"<{element}>(.*?)</{element}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; connect-src 'self';")
    assert not re.search(r" (?:on\w+|style)=", html)  # the policy would block them


def test_the_page_never_writes_html_from_answers() -> None:
    html = bytes(explorer.page().body).decode()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|localStorage", html)
