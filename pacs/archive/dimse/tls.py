"""The secure transport connection of PS3.15 Annex B: TLS 1.2 or newer (BCP 195), certificates on both sides."""

import ssl

from pacs.archive.dimse.options import TlsFiles


def accepting(files: TlsFiles) -> ssl.SSLContext:
    """For those who call; with an authority, they must show a certificate that it signed. `OSError`."""
    context = _context(ssl.PROTOCOL_TLS_SERVER, files)
    if files.ca is not None:
        context.load_verify_locations(files.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def calling(files: TlsFiles) -> ssl.SSLContext:
    """For peers that are called.

    With an authority of one's own, its signature is proof enough: certificates of devices rarely name their hosts.
    Without one, the system's authorities are believed, and then the host's name must fit. `OSError`.
    """
    context = _context(ssl.PROTOCOL_TLS_CLIENT, files)
    if files.ca is None:
        context.load_default_certs()
    else:
        context.check_hostname = False
        context.load_verify_locations(files.ca)
    return context


def _context(protocol: int, files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.certificate, files.key)
    return context
