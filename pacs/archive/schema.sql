-- The index of the embedded PACS. Values that are searched are in normal form (see normal_forms.py).
CREATE TABLE studies (
    id INTEGER PRIMARY KEY,
    study_instance_uid TEXT NOT NULL UNIQUE,
    patient_id TEXT NOT NULL,
    patient_birth_date TEXT NOT NULL,
    study_date TEXT NOT NULL,
    study_time TEXT NOT NULL,
    accession_number TEXT NOT NULL,
    study_id TEXT NOT NULL,
    study_description TEXT NOT NULL,
    attributes BLOB NOT NULL,                     -- DICOM JSON of the patient and study attributes
    number_of_series INTEGER NOT NULL DEFAULT 0,
    number_of_instances INTEGER NOT NULL DEFAULT 0,
    changed_at REAL NOT NULL,                     -- seconds since 1970
    version INTEGER NOT NULL DEFAULT 1,           -- grows whenever instances arrive
    notified_version INTEGER NOT NULL DEFAULT 0,  -- the version that was last announced
    notified_at REAL
);
CREATE INDEX studies_by_patient ON studies (patient_id, study_date DESC, study_time DESC, id DESC);
CREATE INDEX studies_by_date ON studies (study_date DESC, study_time DESC, id DESC);
CREATE INDEX studies_by_accession ON studies (accession_number);
CREATE INDEX studies_by_study_id ON studies (study_id);
CREATE INDEX studies_by_description ON studies (study_description);
CREATE INDEX studies_by_birth_date ON studies (patient_birth_date);
CREATE INDEX studies_unannounced ON studies (changed_at) WHERE notified_version < version;

CREATE TABLE names (
    attribute TEXT NOT NULL,                      -- its tag
    form TEXT NOT NULL,
    study INTEGER NOT NULL REFERENCES studies ON DELETE CASCADE,
    PRIMARY KEY (attribute, form, study)
) WITHOUT ROWID;
CREATE INDEX names_by_study ON names (study);

CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    study INTEGER NOT NULL REFERENCES studies ON DELETE CASCADE,
    series_instance_uid TEXT NOT NULL,
    modality TEXT NOT NULL,
    series_number INTEGER,
    performed_start_date TEXT NOT NULL,
    performed_start_time TEXT NOT NULL,
    station_name TEXT NOT NULL,
    application_entity TEXT NOT NULL,
    attributes BLOB NOT NULL,                     -- DICOM JSON of the series attributes
    dictionary BLOB NOT NULL,                     -- the preset dictionary of its instances' metadata
    number_of_instances INTEGER NOT NULL DEFAULT 0,
    UNIQUE (study, series_instance_uid)
);
CREATE INDEX series_by_number ON series (study, series_number, id);
CREATE INDEX series_by_uid ON series (series_instance_uid);
CREATE INDEX series_by_modality ON series (modality, study);
CREATE INDEX series_by_performed_start ON series (performed_start_date);

CREATE TABLE requests (
    series INTEGER NOT NULL REFERENCES series ON DELETE CASCADE,
    step_id TEXT NOT NULL,
    procedure_id TEXT NOT NULL
);
CREATE INDEX requests_by_series ON requests (series);
CREATE INDEX requests_by_step ON requests (step_id, series);
CREATE INDEX requests_by_procedure ON requests (procedure_id, series);

CREATE TABLE instances (
    id INTEGER PRIMARY KEY,
    series INTEGER NOT NULL REFERENCES series ON DELETE CASCADE,
    sop_instance_uid TEXT NOT NULL UNIQUE,
    sop_class_uid TEXT NOT NULL,
    instance_number INTEGER,
    transfer_syntax_uid TEXT NOT NULL,
    file_bytes INTEGER NOT NULL,
    digest BLOB NOT NULL,                         -- SHA-256 of the dataset as encoded
    attributes BLOB NOT NULL                      -- DICOM JSON of what searches return unasked
);
CREATE INDEX instances_by_number ON instances (series, instance_number, id);
CREATE INDEX instances_by_class ON instances (sop_class_uid, series);

CREATE TABLE metadata (
    instance INTEGER PRIMARY KEY REFERENCES instances ON DELETE CASCADE,
    json BLOB NOT NULL                            -- DICOM JSON of the whole dataset, deflated
);
