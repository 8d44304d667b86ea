CREATE TABLE documents (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    patient_id  bigint NOT NULL REFERENCES patients (id),
    kind        text NOT NULL CHECK (kind IN ('referral', 'x_ray', 'mri', 'consent', 'report')),
    object_key  text NOT NULL UNIQUE,
    size_bytes  bigint NOT NULL CHECK (size_bytes > 0),
    sha256      bytea NOT NULL CHECK (octet_length(sha256) = 32),
    uploaded_at timestamptz NOT NULL
);
CREATE INDEX documents_patient_id_idx ON documents (patient_id);
