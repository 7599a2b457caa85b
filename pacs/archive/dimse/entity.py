"""The archive as an application entity of pynetdicom."""

import logging

from pydicom.uid import UID
from pynetdicom import AE, _config

from pacs.archive.dimse.messages import LARGEST_PDU_BYTES
from pacs.archive.dimse.options import DimseOptions

IMPLEMENTATION_CLASS_UID = "2.25.157699137111753614166068829123054953929"
"""Who wrote a file, and who speaks on the network (PS3.7 §D.3.3.2)."""

_VERSION_NAME = "DICOM_GRAPH"


def application_entity(options: DimseOptions) -> AE:
    """Who we are and how long we wait, called or calling."""
    _silence()
    entity = AE(options.ae_title)
    entity.acse_timeout = options.acse_seconds
    entity.dimse_timeout = options.dimse_seconds
    entity.network_timeout = options.network_seconds
    entity.connection_timeout = options.acse_seconds
    entity.maximum_pdu_size = LARGEST_PDU_BYTES
    entity.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    entity.implementation_version_name = _VERSION_NAME
    entity.require_called_aet = False  # dcmtk's tools call ANY-SCP (measured)
    entity.maximum_associations = 10 * options.most_associations  # ours is the limit
    return entity


def _silence() -> None:
    """The log of pynetdicom shows identifiers, which are patient data. What matters is logged here, without them."""
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)
