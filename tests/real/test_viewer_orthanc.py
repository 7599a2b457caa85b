"""The tests of the viewer, unchanged, with Orthanc as the PACS: it does not render all images."""

from tests.graph.conftest import api, app, base_url  # noqa: F401  # pytest finds fixtures by name
from tests.graph.test_viewer_client import *  # noqa: F403  # tests
from tests.graph.test_viewer_dicomweb import *  # noqa: F403  # tests
from tests.real.on_orthanc import pacs, settings  # noqa: F401  # pytest finds fixtures by name
