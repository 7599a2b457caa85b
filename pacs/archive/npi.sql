-- Version 2 of the index: objects that belong to no patient (see npi.py), and every stored file, whosever it is.
CREATE TABLE non_patient_instances (
    id INTEGER PRIMARY KEY,
    resource TEXT NOT NULL,                       -- the name of its resource in URLs, and of its folder
    sop_instance_uid TEXT NOT NULL UNIQUE,
    sop_class_uid TEXT NOT NULL,
    transfer_syntax_uid TEXT NOT NULL,
    file_bytes INTEGER NOT NULL,
    digest BLOB NOT NULL,                         -- SHA-256 of the dataset as encoded
    attributes BLOB NOT NULL,                     -- DICOM JSON of what searches return unasked
    json BLOB NOT NULL                            -- DICOM JSON of the whole dataset, deflated
);
CREATE INDEX non_patient_instances_by_resource ON non_patient_instances (resource, id);

CREATE VIEW stored_files
    (folder, series_instance_uid, sop_instance_uid, sop_class_uid, transfer_syntax_uid, file_bytes, digest) AS
    SELECT study_instance_uid, series_instance_uid, sop_instance_uid, sop_class_uid, transfer_syntax_uid, file_bytes,
        digest
    FROM instances JOIN series ON series.id = instances.series JOIN studies ON studies.id = series.study
    UNION ALL
    SELECT resource, NULL, sop_instance_uid, sop_class_uid, transfer_syntax_uid, file_bytes, digest
    FROM non_patient_instances;
