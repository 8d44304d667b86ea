CREATE TYPE invoice_status AS ENUM ('draft', 'issued', 'paid', 'void');
CREATE SEQUENCE invoice_number_seq START 100001;

CREATE TABLE invoices (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number     text NOT NULL UNIQUE DEFAULT 'HD' || nextval('invoice_number_seq'),
    patient_id bigint NOT NULL REFERENCES patients (id),
    clinic_id  bigint NOT NULL REFERENCES clinics (id),
    status     invoice_status NOT NULL DEFAULT 'draft',
    total_vnd  bigint NOT NULL DEFAULT 0 CHECK (total_vnd >= 0),
    issued_on  date NOT NULL
);
ALTER SEQUENCE invoice_number_seq OWNED BY invoices.number;
CREATE INDEX invoices_patient_id_idx ON invoices (patient_id);

CREATE TABLE invoice_items (
    invoice_id        bigint NOT NULL REFERENCES invoices (id) ON DELETE CASCADE,
    position          smallint NOT NULL,
    treatment_type_id smallint NOT NULL REFERENCES treatment_types (id),
    quantity          smallint NOT NULL DEFAULT 1 CHECK (quantity > 0),
    amount_vnd        bigint NOT NULL CHECK (amount_vnd >= 0),
    PRIMARY KEY (invoice_id, position)
);
