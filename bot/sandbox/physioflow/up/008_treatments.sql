CREATE TABLE treatment_types (
    id         smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code       text NOT NULL UNIQUE,
    name_vi    text NOT NULL,
    price_vnd  integer NOT NULL CHECK (price_vnd > 0),
    bhyt_price_vnd integer CHECK (bhyt_price_vnd <= price_vnd)
);

CREATE TABLE treatments (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    appointment_id    bigint NOT NULL REFERENCES appointments (id),
    patient_id        bigint NOT NULL REFERENCES patients (id),
    therapist_id      integer NOT NULL REFERENCES therapists (id),
    treatment_type_id smallint NOT NULL REFERENCES treatment_types (id),
    performed_at      timestamptz NOT NULL,
    pain_before       smallint CHECK (pain_before BETWEEN 0 AND 10),
    pain_after        smallint CHECK (pain_after BETWEEN 0 AND 10),
    parameters        jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX treatments_patient_performed_idx ON treatments (patient_id, performed_at DESC);
CREATE INDEX treatments_appointment_id_idx ON treatments (appointment_id);

CREATE VIEW v_patient_last_treatment AS
SELECT DISTINCT ON (patient_id) patient_id, performed_at, treatment_type_id, pain_after
FROM treatments
ORDER BY patient_id, performed_at DESC;
