"""How a DICOM file becomes a picture: in worker processes, because the files may be hostile (see `pacs.thumbnails`)."""
