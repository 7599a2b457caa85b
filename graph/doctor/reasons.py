"""Why a server could not be asked, in more words than a client may see."""

import errno
import socket
import ssl

from graph.doctor.findings import Finding, problem
from pacs.client.failures import causes
from pacs.errors import NotFound, PacsError, PacsTimeout, PacsUnauthorized, PacsUnavailable

_NOT_HTTPS = "WRONG_VERSION_NUMBER"


def trouble(error: PacsError, name: str, *, has_credentials: bool) -> Finding:
    """The finding for a server that is set as `name`, e.g. PACS (for PACS_URL, PACS_USERNAME …)."""
    if isinstance(error, PacsUnauthorized):
        text = "refuses the credentials" if has_credentials else "wants credentials, and none are set"
        return problem(text, f"set {name}_USERNAME and {name}_PASSWORD, or {name}_TOKEN")
    if isinstance(error, PacsTimeout):
        return problem("did not answer in time", f"check the host and port of {name}_URL, and firewalls between")
    if isinstance(error, NotFound):
        return problem("has nothing at this path", f"check the path of {name}_URL")
    if isinstance(error, PacsUnavailable):
        return _unreachable(error, name)
    return problem(f"answers, but not as it should: {error}", f"check that {name}_URL is the right service's root")


def _unreachable(error: PacsUnavailable, name: str) -> Finding:
    url = f"{name}_URL"
    for cause in causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            text = f"cannot be trusted: {cause.verify_message}"
            return problem(
                text, "set PACS_CA_FILE to the authority that signed its certificate, and use the name in it"
            )
        if isinstance(cause, ssl.SSLError):
            advice = f"write http:// in {url}" if _NOT_HTTPS in str(cause).upper() else "check its TLS settings"
            return problem("speaks no TLS that is understood", advice)
        if isinstance(cause, socket.gaierror):
            return problem("has a host name that is not known", f"check the host of {url}")
        if isinstance(cause, OSError) and cause.errno == errno.ECONNREFUSED:
            return problem("does not listen: the connection is refused", f"start it, or check the port of {url}")
    return problem(f"breaks off: {error}", f"check {url}: is it HTTP, or HTTPS?")
