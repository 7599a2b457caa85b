"""compose.yaml against the Compose Specification, and against what it starts: settings, files, ports, names."""

import json
import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from types import UnionType
from typing import Any
from urllib.parse import urlsplit

import pymongo.uri_parser
import pytest

from graph.settings import Settings, load
from tests.deploy import DEPLOY, ROOT
from tests.deploy.compose import COMPOSE, REPLICAS, SERVICES, dot_env, filled, networks, variables
from tests.deploy.dockerfile import instructions, named

TEXT, WORDS, TABLE, YES = str, list, dict, bool
SERVICE_KEYS: dict[str, type | UnionType] = {
    "build": TABLE,
    "cap_drop": WORDS,
    "command": WORDS,
    "depends_on": TABLE,
    "entrypoint": WORDS,
    "env_file": TEXT,
    "environment": TABLE,
    "extra_hosts": WORDS,
    "healthcheck": TABLE,
    "image": TEXT,
    "init": YES,
    "networks": WORDS | TABLE,
    "ports": WORDS,
    "restart": TEXT,
    "secrets": WORDS,
    "security_opt": WORDS,
    "stop_grace_period": TEXT,
    "volumes": WORDS,
}
"""Of the Compose Specification's service, what is used here, in the form that is used."""
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}
DURATION = re.compile(r"\d+(ms|s|m|h)")
NGINX = (DEPLOY / "nginx" / "dicom-graph.conf").read_text(encoding="utf-8")
(FRONT,) = COMPOSE["networks"]["front"]["ipam"]["config"]
each_service = pytest.mark.parametrize("name", SERVICES)


@each_service
def test_a_service_is_made_of_what_the_specification_knows(name: str) -> None:
    service = SERVICES[name]
    assert [key for key, value in service.items() if not isinstance(value, SERVICE_KEYS[key])] == []
    assert service["restart"] in ("unless-stopped", "on-failure")
    assert DURATION.fullmatch(service.get("stop_grace_period", "1s"))
    assert service.get("build", {}).keys() <= {"context", "dockerfile"}
    assert all(one.keys() == {"condition"} for one in service.get("depends_on", {}).values())
    assert {one["condition"] for one in service.get("depends_on", {}).values()} <= CONDITIONS
    check = service.get("healthcheck", {"test": ["CMD"], "interval": "1s", "timeout": "1s"})
    assert check.keys() <= {"test", "interval", "timeout", "retries", "start_period"}
    assert check["test"][0] == "CMD"
    assert all(DURATION.fullmatch(check[key]) for key in ("interval", "timeout", "start_period") if key in check)


def test_what_is_named_is_declared_and_what_is_declared_is_used() -> None:
    assert {key for key in COMPOSE if not key.startswith("x-")} == {"services", "networks", "secrets", "volumes"}
    for kind in ("networks", "secrets"):
        assert {one for service in SERVICES.values() for one in service.get(kind, [])} == COMPOSE[kind].keys()
    mounted = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert {one for one in mounted if not one.startswith(".")} == COMPOSE["volumes"].keys()


@each_service
def test_a_service_waits_for_services_that_can_become_ready(name: str) -> None:
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        if wait["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other] or _is_built_with_healthcheck(other)
        else:
            assert SERVICES[other]["restart"] == "on-failure", "what is always started again never completes"


def test_files_that_are_mounted_or_built_from_are_there() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source, target = volume.split(":")[:2]
            assert target.startswith("/")
            assert not source.startswith(".") or (volume.endswith(":ro") and (DEPLOY / source).is_file())
        if "build" in service:
            assert _dockerfile(service).is_file()
    made = (DEPLOY / "prepare").read_text(encoding="utf-8")
    for secret in COMPOSE["secrets"].values():
        folder, _, name = secret["file"].partition("/")
        assert folder == "secrets"
        assert f"keep {name}" in made or f"secrets/{name}" in made


def test_nginx_has_connections_for_all_that_the_replicas_take() -> None:
    text = (DEPLOY / "nginx" / "nginx.conf").read_text(encoding="utf-8")
    connections = int(re.findall(r"worker_connections (\d+);", text)[0])
    assert connections >= 2 * len(REPLICAS) * load().max_connections
    assert int(re.findall(r"worker_rlimit_nofile (\d+);", text)[0]) >= 2 * connections
    (included,) = re.findall(r"include (\S+);", text)
    assert f"./nginx/dicom-graph.conf:{included}:ro" in SERVICES["nginx"]["volumes"]


def test_images_are_of_this_version_or_pinned() -> None:
    own = {SERVICES[name]["image"] for name in (*REPLICAS, "worklist")}
    version = re.findall(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert own == {f"dicom-graph:{version[0]}"}
    assert all(re.search(r":\d+\.\d+\.\d+", service["image"]) for service in SERVICES.values())


def test_no_secret_is_written_in() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN|SECRET|KEY", name) and not name.endswith("_FILE"):
                assert variables(value), name
            assert not re.search(r"://[^/@]+:(?!\$\{)[^/@]*@", str(value)), name
    used = {name for service in SERVICES.values() for name in variables(service)}
    assert used <= dot_env().keys()
    assert "deploy/secrets/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", REPLICAS)
def test_the_settings_of_a_replica_are_settings_and_hold_together(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = {variable for service in SERVICES.values() for variable in variables(service)}
    written, given = dot_env(), SERVICES[name]["environment"]
    known = {setting.upper() for setting in Settings.model_fields}
    assert given.keys() <= known
    assert written.keys() - elsewhere <= known
    for variable, value in (written | given).items():
        monkeypatch.setenv(variable, filled(value))
    keys = tmp_path / "api_keys"
    keys.touch()
    assert written["API_KEY_FILE"] == "/run/secrets/api_keys"
    settings = load(host="0.0.0.0", api_key_file=keys, data_dir=tmp_path)
    assert settings.database_url is not None
    mongodb = pymongo.uri_parser.parse_uri(settings.database_url)
    assert {host for host, _ in mongodb["nodelist"]} == {service for service in SERVICES if service[:-1] == "mongodb-"}
    assert all(networks(host) & networks(name) for host, _ in mongodb["nodelist"])
    for url in (settings.pacs_url, settings.worklist_url, settings.reconcile_url):
        assert networks(urlsplit(url or "").hostname or "") & networks(name)
    assert networks("nginx") & networks(name) == {"front"}
    assert FRONT["subnet"] == settings.forwarded_allow_ips[0]


def test_replicas_differ_in_their_volumes_and_addresses_alone() -> None:
    one, other = (SERVICES[name] for name in REPLICAS)
    assert {key for key in one if one[key] != other[key]} == {"volumes", "networks"}
    assert networks(REPLICAS[0]) == networks(REPLICAS[1])


def test_nginx_starts_and_finds_the_replicas_again_whichever_was_down_or_made_anew() -> None:
    addresses = {name: SERVICES[name]["networks"]["front"]["ipv4_address"] for name in REPLICAS}
    assert dict(entry.split(":") for entry in SERVICES["nginx"]["extra_hosts"]) == addresses
    for address in map(ip_address, addresses.values()):
        assert address in ip_network(FRONT["subnet"])
        assert address not in ip_network(FRONT["ip_range"]), "another container could have it"


def test_ports_and_names_agree() -> None:
    (exposed,) = named("EXPOSE", instructions(DEPLOY / "Dockerfile"))
    assert re.findall(r"server ([\w-]+):(\d+)", NGINX) == [(name, exposed.text) for name in REPLICAS]
    listened = set(re.findall(r"listen (\d+)", NGINX))
    published = {port.split(":")[1] for port in SERVICES["nginx"]["ports"]}
    announced = urlsplit(SERVICES["orthanc"]["environment"]["NEW_EXAM_URL"])
    assert published | {str(announced.port)} == listened
    assert str(announced.port) not in published
    assert f"location = {announced.path}" in NGINX
    assert networks("orthanc") & networks(announced.hostname or "") == {"announcements"}
    orthanc = json.loads((DEPLOY / "orthanc" / "orthanc.json").read_text(encoding="utf-8"))
    replica = SERVICES[REPLICAS[0]]["environment"]
    assert replica["PACS_URL"] == f"http://orthanc:{orthanc['HttpPort']}" + orthanc["DicomWeb"]["Root"].rstrip("/")
    assert replica["RECONCILE_URL"] == f"http://orthanc:{orthanc['HttpPort']}"
    assert SERVICES["orthanc"]["ports"] == [f"{orthanc['DicomPort']}:{orthanc['DicomPort']}"]
    assert f":{_option(SERVICES['worklist'], '--port')}/dicom-web" in replica["WORKLIST_URL"]
    assert set(re.findall(r"/run/secrets/(\w+)", NGINX)) == set(SERVICES["nginx"]["secrets"])


def test_the_database_is_for_the_replicas_alone_and_its_set_is_one() -> None:
    inside = {name for name in SERVICES if "database" in networks(name)}
    assert inside == {*REPLICAS, "mongodb-1", "mongodb-2", "mongodb-3", "mongodb-initiate"}
    assert COMPOSE["networks"]["database"] == {"internal": True}
    script = (DEPLOY / "mongodb" / "initiate.js").read_text(encoding="utf-8")
    (name,) = re.findall(r'REPLICA_SET = "(.+)"', script)
    assert f"--replSet {name} " in SERVICES["mongodb-1"]["entrypoint"][-1]
    assert f"replicaSet={name}" in SERVICES[REPLICAS[0]]["environment"]["DATABASE_URL"]
    assert json.loads(re.findall(r"MEMBERS = (\[.+\])", script)[0]) == [f"mongodb-{n}:27017" for n in (1, 2, 3)]
    assert [n for n in (1, 2, 3) if "environment" in SERVICES[f"mongodb-{n}"]] == [1], "the others copy the first"


def _dockerfile(service: dict[str, Any]) -> Path:
    path: Path = DEPLOY / service["build"]["context"] / service["build"].get("dockerfile", "Dockerfile")
    return path


def _is_built_with_healthcheck(name: str) -> bool:
    return bool(named("HEALTHCHECK", instructions(_dockerfile(SERVICES[name]))))


def _option(service: dict[str, Any], name: str) -> str:
    command: list[str] = service["command"]
    return command[command.index(name) + 1]
