CREATE TYPE user_role AS ENUM ('admin', 'receptionist', 'therapist', 'assistant', 'billing');

CREATE TABLE users (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    clinic_id     bigint NOT NULL REFERENCES clinics (id),
    email         text NOT NULL,
    full_name     text NOT NULL,
    role          user_role NOT NULL,
    preferences   jsonb NOT NULL DEFAULT '{}',
    active        boolean NOT NULL DEFAULT true,
    last_login_at timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email_key ON users (lower(email));
CREATE INDEX users_clinic_id_idx ON users (clinic_id) WHERE active;
