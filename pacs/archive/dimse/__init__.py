"""The network services of DICOM (PS3.7, PS3.4), over the same index, files and worklist as the web services."""
