"""What may never be in a log line."""

import json
import subprocess
import sys

_READS_A_WRONG_VALUE = """
from graph import logs
logs.configure("debug")
from pydicom.dataelem import DataElement
DataElement("Modality", "CS", "Rossi^Maria")
DataElement("SOPInstanceUID", "UI", "Rossi^Maria")
logs.logging.getLogger("graph").warning("a line of ours")
"""


def test_values_of_datasets_that_pydicom_complains_of_are_not_logged() -> None:
    said = subprocess.run([sys.executable, "-c", _READS_A_WRONG_VALUE], capture_output=True, text=True, check=True)

    assert "a line of ours" in said.stderr
    assert "Rossi" not in said.stderr + said.stdout


_LOGS_AT_EACH_LEVEL = """
import structlog
from graph import logs
logs.configure("warning")
log = structlog.get_logger("graph")
log.info("too little")
log.warning("enough", route="/graphql")
"""


def test_lines_below_the_level_are_dropped_and_the_others_say_level_and_logger() -> None:
    said = subprocess.run([sys.executable, "-c", _LOGS_AT_EACH_LEVEL], capture_output=True, text=True, check=True)

    [line] = said.stderr.splitlines()
    assert json.loads(line) | {"timestamp": ""} == {
        "event": "enough",
        "route": "/graphql",
        "level": "warning",
        "logger": "graph",
        "timestamp": "",
    }
