"""Certificates for TLS tests, made by the openssl program."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificates:
    """One authority, and a certificate that it signed, for both ends."""

    certificate: Path
    key: Path
    ca: Path


def make(folder: Path) -> Certificates:
    """New ones in a folder."""
    ca, ca_key, key, request, certificate = (folder / name for name in ("ca.pem", "ca.key", "key", "csr", "cert.pem"))
    new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    _openssl(*new, "-x509", "-days", "2", "-subj", "/CN=authority", "-keyout", str(ca_key), "-out", str(ca))
    _openssl(*new, "-subj", "/CN=device", "-keyout", str(key), "-out", str(request))
    signing = ["x509", "-req", "-days", "2", "-CA", str(ca), "-CAkey", str(ca_key), "-CAcreateserial"]
    _openssl(*signing, "-in", str(request), "-out", str(certificate))
    return Certificates(certificate, key, ca)


def client(ca: Path, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """The context of a client that trusts the authority, with or without a certificate."""
    context = ssl.create_default_context(cafile=str(ca))
    context.check_hostname = False
    if certificate and key:
        context.load_cert_chain(certificate, key)
    return context


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
