"""nginx in front of a server, as hospitals have it: HTTPS with a certificate of a private authority, and bearer tokens.

Debian 12's Orthanc 1.10.1 cannot do the first by itself: with SslEnabled it crashes at the first connection (measured;
its web server does not get on with OpenSSL 3).
"""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.certificates import Authority
from tests.real.nginx import running, whole
from tests.real.server import free_port

_CONFIGURATION = """
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
"""


@contextmanager
def https_front(folder: Path, authority: Authority, to_port: int, *, user: str, token: str) -> Iterator[int]:
    """The port of HTTPS to the server at `to_port`; who brings `token` is `user` (`name:password`) there."""
    port = free_port()
    basic = base64.b64encode(user.encode()).decode()
    inside = _CONFIGURATION.format(token=token, basic=basic, port=port, to_port=to_port, pem=authority.server_pem)
    with running(whole(folder, inside), [port]):
        yield port
