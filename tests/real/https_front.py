"""nginx in front of a server, as hospitals have it: HTTPS with a certificate of a private authority, and bearer tokens.

Debian 12's Orthanc 1.10.1 cannot do the first by itself: with SslEnabled it crashes at the first connection (measured;
its web server does not get on with OpenSSL 3).
"""

import base64
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.certificates import Authority
from tests.real.required import need
from tests.real.server import free_port

_START_SECONDS = 10.0
_CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  map $http_authorization $known {{
    default $http_authorization;
    "Bearer {token}" "Basic {basic}";
  }}
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {pem};
    ssl_certificate_key {pem};
    client_max_body_size 0;
    location / {{
      proxy_pass http://127.0.0.1:{to_port};
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_buffering off;
      proxy_set_header Authorization $known;
    }}
  }}
}}
"""


@contextmanager
def https_front(folder: Path, authority: Authority, to_port: int, *, user: str, token: str) -> Iterator[int]:
    """The port of HTTPS to the server at `to_port`; who brings `token` is `user` (`name:password`) there."""
    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    need(program, "nginx is missing: apt-get install nginx-light")
    port = free_port()
    basic = base64.b64encode(user.encode()).decode()
    path = folder / "nginx.conf"
    path.write_text(
        _CONFIGURATION.format(
            folder=folder, token=token, basic=basic, port=port, to_port=to_port, pem=authority.server_pem
        )
    )
    process = subprocess.Popen([str(program), "-c", str(path), "-p", str(folder), "-e", str(folder / "error.log")])
    try:
        _wait(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "nginx did not start"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("nginx did not listen")
