"""`python -m graph.cli`: the same as `dicom-graph`."""

from graph.cli import main

main()
