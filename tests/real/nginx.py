"""nginx as a process; and before replicas, with the very configuration in deploy/nginx but for ports and paths."""

import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.certificates import Authority
from tests.real.required import need
from tests.real.server import free_port

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nginx" / "dicom-graph.conf"
_START_SECONDS = 10.0
_AROUND = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
{inside}
}}
"""


@dataclass(frozen=True)
class Front:
    """Where nginx listens."""

    port: int
    internal_port: int
    plain_port: int
    tls: ssl.SSLContext

    @property
    def url(self) -> str:
        """For clients."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def internal_url(self) -> str:
        """For the PACS."""
        return f"http://127.0.0.1:{self.internal_port}"

    @property
    def plain_url(self) -> str:
        """Leads to HTTPS."""
        return f"http://127.0.0.1:{self.plain_port}"


def program() -> str:
    """Debian's nginx, without which the test is skipped."""
    found = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    need(found, "nginx is missing: apt-get install nginx-light")
    return str(found)


def configured(folder: Path, authority: Authority, to_ports: Sequence[int], ports: Sequence[int]) -> Path:
    """The whole configuration as a file: `ports` are those in place of 80, 443 and 8080."""
    lines = [f"    server 127.0.0.1:{port} max_fails=1 fail_timeout=2s;\n" for port in to_ports]
    text, count = re.subn(r"( +server dicom-graph-\d:8000 max_fails=1 fail_timeout=2s;\n)+", "".join(lines), _text())
    assert count == 1
    for given, port in zip((80, 443, 8080), ports, strict=True):
        text, count = re.subn(rf"listen {given}( ssl)?;", rf"listen 127.0.0.1:{port}\1;", text)
        assert count == 1, given
    text, count = re.subn(r"/run/secrets/tls_\w+", str(authority.server_pem), text)
    assert count == 2
    return whole(folder, text)


def whole(folder: Path, inside: str) -> Path:
    """A configuration as a file, of what stands inside `http { }`; all that nginx writes goes to `folder`."""
    path = folder / "nginx.conf"
    path.write_text(_AROUND.format(folder=folder, inside=inside))
    return path


@contextmanager
def running(path: Path, ports: Sequence[int]) -> Iterator[None]:
    """nginx with a `whole` configuration, once it listens on `ports`."""
    folder = path.parent
    process = subprocess.Popen([program(), "-c", str(path), "-p", str(folder), "-e", str(folder / "error.log")])
    try:
        for port in ports:
            _wait(port, process, folder)
        yield
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def nginx(folder: Path, to_ports: Sequence[int]) -> Iterator[Front]:
    """nginx before servers on `to_ports`."""
    authority = Authority(folder / "certificates")
    ports = [free_port() for _ in range(3)]
    with running(configured(folder, authority, to_ports, ports), ports):
        yield Front(ports[1], ports[2], ports[0], ssl.create_default_context(cafile=str(authority.ca_pem)))


def _text() -> str:
    return CONFIGURATION.read_text(encoding="utf-8")


def _wait(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"nginx did not start: {(folder / 'error.log').read_text()[-2000:]}"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("nginx did not listen")
