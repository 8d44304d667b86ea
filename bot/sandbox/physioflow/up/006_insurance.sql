CREATE TABLE insurance_providers (
    id   smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code text NOT NULL UNIQUE,
    name text NOT NULL
);

CREATE TABLE patient_insurance (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient_id      bigint NOT NULL REFERENCES patients (id) ON DELETE CASCADE,
    provider_id     smallint NOT NULL REFERENCES insurance_providers (id),
    card_number     text NOT NULL UNIQUE,
    coverage_pct    smallint NOT NULL CHECK (coverage_pct IN (80, 95, 100)),
    valid_from      date NOT NULL,
    valid_until     date NOT NULL,
    CHECK (valid_until > valid_from)
);
COMMENT ON TABLE patient_insurance IS 'BHYT cards: social health insurance.';
CREATE INDEX patient_insurance_patient_id_idx ON patient_insurance (patient_id);
