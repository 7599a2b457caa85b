"""Orthanc's own names of what it has."""

import hashlib


def orthanc_id(*uids: str) -> str:
    """Orthanc's name of what a patient, study, series and instance lead to (Orthanc Book, "Orthanc identifiers")."""
    digest = hashlib.sha1("|".join(uids).encode(), usedforsecurity=False).hexdigest()
    return "-".join(digest[start : start + 8] for start in range(0, 40, 8))
