CREATE TABLE diagnosis_codes (
    code     text PRIMARY KEY CHECK (code ~ '^[A-Z][0-9]{2}(\.[0-9]{1,2})?$'),
    title    text NOT NULL,
    title_vi text NOT NULL
);
COMMENT ON TABLE diagnosis_codes IS 'The part of ICD-10 that the clinics use.';

CREATE TABLE diagnoses (
    id           bigserial PRIMARY KEY,
    patient_id   bigint NOT NULL REFERENCES patients (id) ON DELETE CASCADE,
    code         text NOT NULL REFERENCES diagnosis_codes (code),
    diagnosed_on date NOT NULL,
    is_primary   boolean NOT NULL DEFAULT true,
    note         text
);
CREATE INDEX diagnoses_patient_id_idx ON diagnoses (patient_id);
CREATE INDEX diagnoses_code_idx ON diagnoses (code);
