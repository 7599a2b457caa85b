"""Everything DICOM: the adapter to a PACS, and the embedded PACS."""
