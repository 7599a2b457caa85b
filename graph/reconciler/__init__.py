"""Announces the exams that Orthanc has and never announced."""
