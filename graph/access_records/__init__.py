"""Who saw or changed which patient's data.

A request's `Trail` notes each access as it happens, `AccessLog` keeps the notes until the store has them. One record
stands for one operation on one study of one patient, as DICOM's audit messages do (PS3.15 §A.5.3.6), never for a row.
"""
