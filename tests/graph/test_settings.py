"""Settings: documented, and refused with a sentence when they are wrong."""

import re
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from graph.settings import Settings, SettingsError, load

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([A-Z_]+)` \| (.*?) \| (.*) \|$", re.MULTILINE)


def shown_default(default: object) -> str:
    if default in (None, ()) or default is PydanticUndefined:
        return ""
    if isinstance(default, tuple):
        return f"`{','.join(default)}`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def test_the_readme_has_every_setting_with_its_default_and_sentence() -> None:
    documented = {name: (default, sentence) for name, default, sentence in ROW.findall(README)}

    assert documented == {
        name.upper(): (shown_default(field.default), field.description) for name, field in Settings.model_fields.items()
    }


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("HOST", "0.0.0.0", "loopback"),
        ("AUTH", "basic", "api-key"),
        ("AUTH=jwt", "jwt", "JWT_ISSUER"),
        ("AUTH=api-key", "api-key", "API_KEY_FILE"),
        ("API_KEY_FILE", "/nowhere/keys", "not a file"),
        ("API_KEY_FILE", __file__, "line 1"),
        ("JWT_JWKS_FILE", __file__, "JWKS"),
        ("JWT_ALGORITHMS", "RS256,none", "none of"),
        ("JWT_ROLES", "doctor=KING", "DIAGNOSTIC"),
        ("JWT_LEEWAY_SECONDS", "-1", "greater"),
        ("PORT", "abc", "integer"),
        ("FORWARDED_ALLOW_IPS", "*", "no IP address"),
        ("FORWARDED_ALLOW_IPS", "10.0.0.0/8,nginx", "no IP address"),
        ("FORWARDED_ALLOW_IPS", "10.0.0.1/8", "no IP address"),
        ("DATABASE_WAIT_SECONDS", "-1", "greater"),
        ("PORT", "70000", "65535"),
        ("PACS_URL", "orthanc:8042", "http"),
        ("PACS_URL", "http://user:pw@orthanc/dicom-web", "plain URL"),
        ("PACS_CA_FILE", "/nowhere/ca.pem", "not a file"),
        ("PACS_TIMEOUT_SECONDS", "0", "greater"),
        ("DIMSE_PORT", "0", "greater"),
        ("DIMSE_AE_TITLE", "A TITLE LONGER THAN 16", "16 printable"),
        ("DIMSE_PEERS", "CT1=scanner", "AET=host:port"),
        ("DIMSE_PEERS", "CT1=scanner:104,CT1=other:104", "twice"),
        ("DIMSE_PEERS", "CT1=scanner:99999", "65535"),
        ("DIMSE_HOST", "0.0.0.0", "DIMSE_PEERS"),
        ("DIMSE_TLS_CERT", "/nowhere/cert.pem", "not a file"),
        ("DIMSE_TLS_CERT", __file__, "belong together"),
        ("RECONCILE_URL", "orthanc:8042", "http"),
        ("PACS_URL", "http://me:user:pw@host/dicom-web", "without user name, password"),
        ("PACS_URL", "http://orthanc:99999/dicom-web", "is not a URL"),
        ("PACS_URL", "http://ortha nc/dicom-web", "is not a URL"),
        ("PACS_URL", "http://\N{SNOWMAN}.example/dicom-web", "is not a URL"),
        ("PACS_CA_FILE", __file__, "no certificates"),
        ("PACS_PASSWORD", "secret", "PACS_USERNAME"),
        ("WORKLIST_PASSWORD", "secret", "WORKLIST_USERNAME"),
        ("RECONCILE_PASSWORD", "secret", "RECONCILE_USERNAME"),
        ("PACS_USERNAME", "a:b", "colon"),
        ("PACS_TOKEN", "tökén", "visible ASCII"),
        ("PACS_TOKEN", "two words", "visible ASCII"),
        ("PACS_TOKEN", "a\nb", "visible ASCII"),
        ("RECONCILE_SECONDS", "0", "greater"),
        ("DICOM_UID_ROOT", "1.02.3", "UID"),
        ("DICOM_UID_ROOT", "1.2.840.10008.1", "reserved"),
        ("DICOM_UID_ROOT", "1.2." + "9" * 40, "36"),
        ("DATABASE_URL", "postgres://user:pw@host", "mongodb://"),
        ("CALLBACK_URLS", "http://a/b,nowhere", "http://"),
        ("CALLBACK_URLS", "http://receiver:port/hook", "http://"),
        ("CALLBACK_URLS", "http://receiver:99999/hook", "http://"),
        ("CALLBACK_URLS", "http://\N{SNOWMAN}.example/hook", "http://"),
        ("CALLBACK_SECRET", "short", "whsec_"),
        ("EVENT_DEDUPE_SECONDS", "1e12", "less"),
        ("EVENT_DEDUPE_SECONDS", "inf", "finite"),
        ("EVENT_RETENTION_DAYS", "1e9", "less"),
        ("EVENT_RETENTION_DAYS", "inf", "finite"),
        ("PACS_TIMEOUT_SECONDS", "inf", "finite"),
        ("MAX_UPLOAD_BYTES", "-1", "greater"),
        ("GRAPHIQL", "perhaps", "boolean"),
        ("CORS_ORIGINS", "*", "https://host"),
        ("CORS_ORIGINS", "https://portal.example/path", "path"),
        ("RATE_PER_SECOND", "-1", "greater"),
    ],
)
def test_a_wrong_value_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str, hint: str) -> None:
    monkeypatch.setenv(name.partition("=")[0], value)

    with pytest.raises(SettingsError) as error:
        load()

    assert str(error.value).startswith(name)
    assert hint in str(error.value)
    assert "user:pw@host" not in str(error.value)


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACS_TOKEN", "tell-nobody")
    monkeypatch.setenv("PACS_USERNAME", "me")

    with pytest.raises(SettingsError) as error:
        load()

    assert "tell-nobody" not in str(error.value)
    monkeypatch.delenv("PACS_USERNAME")
    assert "tell-nobody" not in repr(load())


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACS_URL", "")

    assert load().pacs_url is None


_TOKENS = {"auth": "jwt", "jwt_issuer": "https://issuer.example", "jwt_audience": "dicom-graph"}
_SECRET = "a secret of 32 characters or more"


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        ({}, "one of JWT_JWKS_URL"),
        ({"jwt_secret": _SECRET, "jwt_jwks_url": "https://issuer.example/jwks"}, "one of JWT_JWKS_URL"),
        ({"jwt_secret": _SECRET, "jwt_audience": ""}, "JWT_AUDIENCE"),
        ({"jwt_secret": "short"}, "32 characters"),
        ({"jwt_secret": _SECRET, "jwt_algorithms": "HS512"}, "64 characters"),
        ({"jwt_secret": _SECRET, "jwt_algorithms": "HS256,RS256"}, "with JWT_SECRET"),
        ({"jwt_jwks_url": "https://issuer.example/jwks", "jwt_algorithms": "HS256"}, "with JWT_SECRET"),
    ],
)
def test_tokens_need_whose_they_are_and_one_kind_of_key(changes: dict[str, str], hint: str) -> None:
    with pytest.raises(SettingsError) as error:
        load(**{**_TOKENS, **changes})

    assert hint in str(error.value)
    assert _SECRET not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "is_refused"),
    [
        ({}, True),
        ({"callback_token": "token"}, True),
        ({**_TOKENS, "jwt_secret": _SECRET}, True),
        ({**_TOKENS, "jwt_secret": _SECRET, "callback_token": "token"}, False),
    ],
)
def test_off_loopback_clients_and_pacs_prove_who_they_are(changes: dict[str, str], is_refused: bool) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1", "pacs.example"):
        if is_refused:
            with pytest.raises(SettingsError, match="AUTH to jwt or api-key, and CALLBACK_TOKEN"):
                load(host=host, **changes)
        else:
            assert load(host=host, **changes).host == host


def test_off_loopback_the_dicom_network_needs_peers_or_an_address_of_its_own() -> None:
    away = {**_TOKENS, "jwt_secret": _SECRET, "callback_token": "token", "host": "192.0.2.1", "dimse_port": "11112"}
    with pytest.raises(SettingsError, match="DIMSE_PEERS, or set DIMSE_HOST"):
        load(**away)
    assert load(**away, dimse_peers="CT1=scanner:104").dimse_port == 11112
    assert load(**away, dimse_host="127.0.0.1").dimse_port == 11112


def test_graphiql_and_introspection_are_off_with_authentication_unless_they_are_set() -> None:
    authenticated = {**_TOKENS, "jwt_secret": _SECRET}
    assert (load().serves_graphiql, load().serves_introspection) == (True, True)
    closed = load(**authenticated)
    assert (closed.serves_graphiql, closed.serves_introspection) == (False, False)
    opened = load(**authenticated, graphiql=True, introspection=True)
    assert (opened.serves_graphiql, opened.serves_introspection) == (True, True)
