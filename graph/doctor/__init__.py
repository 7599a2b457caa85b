"""`dicom-graph doctor`: probes what the settings name, and says what it found and what to set."""
