CREATE TYPE patient_sex AS ENUM ('female', 'male', 'other');

CREATE TABLE patients (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    clinic_id     bigint NOT NULL REFERENCES clinics (id),
    record_number text NOT NULL UNIQUE,
    full_name     text NOT NULL,
    sex           patient_sex NOT NULL,
    born_on       date NOT NULL CHECK (born_on > '1900-01-01'),
    phone         text,
    address       jsonb NOT NULL DEFAULT '{}',
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX patients_clinic_name_idx ON patients (clinic_id, full_name);
CREATE INDEX patients_phone_idx ON patients (phone);

CREATE TRIGGER trigger_patients_updated_at BEFORE UPDATE ON patients
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
