"""deploy/ as far as it can be tried without running containers: real readers of its files, and the steps themselves."""

import json
import os
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.deploy import DEPLOY
from tests.deploy.compose import COMPOSE, REPLICAS, SERVICES, dot_env
from tests.real.orthanc import Orthanc
from tests.real.required import need


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """A copy of deploy/ after `prepare`."""
    need(shutil.which("openssl"), "openssl is missing: apt-get install openssl")
    folder = tmp_path / "deploy"
    shutil.copytree(DEPLOY, folder, ignore=shutil.ignore_patterns("secrets", ".env"))
    subprocess.run([folder / "prepare", "pacs.example"], check=True, capture_output=True)
    return folder


def config(folder: Path) -> dict[str, Any]:
    """What docker-compose makes of compose.yaml; it checks it against the specification's schema."""
    need(shutil.which("docker-compose"), "docker-compose is missing: apt-get install docker-compose")
    done = subprocess.run(["docker-compose", "config"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made: dict[str, Any] = yaml.safe_load(done.stdout)
    return made


def test_docker_compose_takes_the_file_with_what_prepare_made(prepared: Path) -> None:
    services = config(prepared)["services"]
    assert services.keys() == SERVICES.keys()
    written = dict(line.split("=", 1) for line in (prepared / ".env").read_text().splitlines() if line[0] != "#")
    assert written.keys() == dot_env().keys()
    for name in REPLICAS:
        environment = services[name]["environment"]
        assert environment["CALLBACK_TOKEN"] == services["orthanc"]["environment"]["CALLBACK_TOKEN"]
        assert environment["DATABASE_URL"].startswith(f"mongodb://dicom-graph:{written['MONGODB_PASSWORD']}@")
    assert len(set(written.values())) == len(written)


def test_preparing_again_changes_nothing_and_shows_nothing_to_others(prepared: Path) -> None:
    files = [prepared / ".env", *(prepared / "secrets").iterdir()]
    before = {path: path.read_bytes() for path in files}
    subprocess.run([prepared / "prepare"], check=True, capture_output=True)
    assert before == {path: path.read_bytes() for path in files}
    assert {path.name for path in files[1:]} == {one["file"].split("/")[1] for one in COMPOSE["secrets"].values()}
    assert [(prepared / name).stat().st_mode & 0o777 for name in (".env", "secrets")] == [0o600, 0o700]
    assert all(path.stat().st_mode & 0o004 for path in files[1:]), "users of the containers read them"


@pytest.mark.parametrize(
    ("name", "alternative"), [("pacs.example", "DNS:pacs.example"), ("10.0.0.7", "IP Address:10.0.0.7")]
)
def test_the_certificate_is_for_the_host(name: str, alternative: str, prepared: Path) -> None:
    for path in (prepared / "secrets").glob("tls_*"):
        path.unlink()
    subprocess.run([prepared / "prepare", name], check=True, capture_output=True)
    pair = prepared / "secrets" / "tls_certificate", prepared / "secrets" / "tls_key"
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(*pair)
    shown = subprocess.run(
        ["openssl", "x509", "-in", pair[0], "-noout", "-text"], capture_output=True, text=True, check=True
    )
    assert alternative in shown.stdout


def test_what_is_no_host_name_is_refused_before_anything_is_made(prepared: Path) -> None:
    shutil.rmtree(prepared / "secrets")
    done = subprocess.run([prepared / "prepare", "a/CN=b"], capture_output=True, text=True, check=False)
    assert (done.returncode, (prepared / "secrets").exists()) == (2, False)
    assert "no host name" in done.stderr


def test_orthancs_configuration_asks_for_the_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORTHANC_PASSWORD", "the-password")
    files = [json.loads((DEPLOY / "orthanc" / name).read_text()) for name in ("orthanc.json", "container.json")]
    written = {name: value for file in files for name, value in file.items()}
    here = ("StorageDirectory", "IndexDirectory", "HttpPort", "DicomPort", "LuaScripts")
    options = {name: value for name, value in written.items() if name not in here}
    server = Orthanc(tmp_path, options | {"LuaScripts": [str(DEPLOY / "orthanc" / "new-exam.lua")]})
    try:
        server.start()
        assert httpx.get(f"{server.pacs_url}/studies").status_code == 401
        assert httpx.get(f"{server.pacs_url}/studies", auth=("dicom-graph", "the-password")).status_code == 200
    finally:
        server.stop()


_PLAY = """
const calls = [];
let initiated = STATE.initiated, user = STATE.user, failures = STATE.failures;
const refusal = (codeName) => Object.assign(new Error(codeName), { codeName });
globalThis.print = () => {};
globalThis.sleep = () => {};
globalThis.connect = (url) => {
  if (failures-- > 0) throw refusal("ECONNREFUSED");
  return {
    adminCommand: (command) => {
      calls.push([url, command]);
      if (command.replSetGetStatus && !initiated) throw refusal("NotYetInitialized");
      if (command.replSetInitiate) initiated = true;
      return { ok: 1 };
    },
    getUser: (name) => (user ? { user: name } : null),
    createUser: (given) => { calls.push([url, { createUser: given }]); user = true; },
    updateUser: (name, given) => calls.push([url, { updateUser: name, ...given }]),
  };
};
"""


@pytest.mark.parametrize(
    ("state", "made"),
    [
        ({"initiated": False, "user": False, "failures": 3}, ["replSetInitiate", "createUser"]),
        ({"initiated": True, "user": False, "failures": 0}, ["createUser"]),
        ({"initiated": True, "user": True, "failures": 0}, ["updateUser"]),
    ],
)
def test_the_replica_set_is_made_once_and_its_user_has_the_password(
    state: dict[str, Any], made: list[str], tmp_path: Path
) -> None:
    """On a stand-in for mongosh: the real one would need a MongoDB that can be a replica set."""
    need(shutil.which("node"), "node is missing: apt-get install nodejs")
    password = tmp_path / "password"
    password.write_text("root's\n")
    script = (
        (DEPLOY / "mongodb" / "initiate.js").read_text().replace("/run/secrets/mongodb_root_password", str(password))
    )
    play = _PLAY.replace("const calls", f"const STATE = {json.dumps(state)};\nconst calls")
    done = subprocess.run(
        ["node", "-"],
        input=f"{play}\n{script}\nconsole.log(JSON.stringify(calls));",
        env=os.environ | {"MONGODB_PASSWORD": "its own"},
        capture_output=True,
        text=True,
        check=True,
    )
    calls = [(url, command) for url, command in json.loads(done.stdout) if "replSetGetStatus" not in command]
    assert [next(iter(command)) for _, command in calls] == made
    assert all(url.startswith("mongodb://root:root's@mongodb-1:27017") for url, _ in calls)
    for _, command in calls:
        if "replSetInitiate" in command:
            assert command["replSetInitiate"]["members"][2] == {"_id": 2, "host": "mongodb-3:27017"}
        elif "createUser" in command:
            assert command["createUser"] == {"user": "dicom-graph", "pwd": "its own", "roles": ["readWrite"]}
        else:
            assert command == {"updateUser": "dicom-graph", "pwd": "its own"}
