"""Orthanc's own REST API: what it tells faster, or says more of, than DICOMweb does."""
