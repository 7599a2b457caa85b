"""The embedded PACS: a DICOMweb origin server, a process of its own."""
