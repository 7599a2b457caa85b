"""The exam tests of the API, unchanged, with Orthanc as the PACS."""

from tests.graph.conftest import api, app  # noqa: F401  # pytest finds fixtures by name
from tests.graph.routes.test_exam_files import *  # noqa: F403  # tests
from tests.graph.schema.test_exams import *  # noqa: F403  # tests
from tests.graph.schema.test_fence import *  # noqa: F403  # tests
from tests.real.on_orthanc import pacs, settings  # noqa: F401  # pytest finds fixtures by name
