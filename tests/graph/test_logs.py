"""What may never be in a log line."""

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
