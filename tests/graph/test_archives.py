"""Which credentials go to which server: the PACS's password never leaves for another one."""

from typing import Any

import pytest
from pydantic import SecretStr

from graph.archives import orthanc_address, worklist_address
from graph.settings import Settings

PACS: dict[str, Any] = {
    "pacs_url": "https://orthanc:8042/dicom-web",
    "pacs_username": "me",
    "pacs_password": SecretStr("the PACS's"),
}


def settings(**more: Any) -> Settings:
    return Settings(_env_file=None, **(PACS | more))


@pytest.mark.parametrize("address", [orthanc_address, worklist_address])
@pytest.mark.parametrize(
    ("url", "username"),
    [
        ("https://orthanc:8042", "me"),
        ("https://orthanc:8042/some/where", "me"),
        ("http://orthanc:8042", None),
        ("https://orthanc:8043", None),
        ("https://orthanc.elsewhere:8042", None),
    ],
)
def test_the_pacss_credentials_are_for_its_own_server(address: Any, url: str, username: str | None) -> None:
    found = address(settings(), url)
    assert (found.username, found.password) == (username, "the PACS's" if username else None)


@pytest.mark.parametrize("url", ["https://orthanc:8042", "https://other"])
def test_own_credentials_come_first(url: str) -> None:
    own = settings(reconcile_username="reader", reconcile_password=SecretStr("own"), worklist_token=SecretStr("token"))
    orthanc, worklist = orthanc_address(own, url), worklist_address(own, url)
    assert (orthanc.username, orthanc.password, orthanc.token) == ("reader", "own", None)
    assert (worklist.username, worklist.password, worklist.token) == (None, None, "token")


def test_two_kinds_of_credentials_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="RECONCILE_TOKEN and RECONCILE_USERNAME"):
        settings(reconcile_username="reader", reconcile_token=SecretStr("token"))
