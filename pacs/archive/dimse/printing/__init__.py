"""Print Management (PS3.4 Annex H): films that are composed as on a laser imager, and kept as PDFs."""
