CREATE TABLE bhyt_claim_submissions (
    id                   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    claim_number         text NOT NULL UNIQUE,
    patient_insurance_id bigint NOT NULL REFERENCES patient_insurance (id),
    clinic_id            bigint NOT NULL REFERENCES clinics (id),
    status               text NOT NULL DEFAULT 'draft'
                         CHECK (status IN ('draft', 'submitted', 'accepted', 'rejected', 'paid')),
    requested_vnd        bigint NOT NULL CHECK (requested_vnd >= 0),
    approved_vnd         bigint CHECK (approved_vnd <= requested_vnd),
    response             jsonb,
    submitted_at         timestamptz
);
COMMENT ON TABLE bhyt_claim_submissions IS 'Claims sent to the social insurance portal.';
CREATE SEQUENCE bhyt_claim_number_seq OWNED BY bhyt_claim_submissions.claim_number;
ALTER TABLE bhyt_claim_submissions
    ALTER COLUMN claim_number SET DEFAULT 'BHYT' || lpad(nextval('bhyt_claim_number_seq')::text, 8, '0');
CREATE INDEX bhyt_claim_submissions_insurance_idx ON bhyt_claim_submissions (patient_insurance_id);
CREATE INDEX bhyt_claim_submissions_open_idx ON bhyt_claim_submissions (submitted_at)
    WHERE status IN ('submitted', 'accepted');

CREATE TABLE bhyt_claim_items (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    claim_id     bigint NOT NULL REFERENCES bhyt_claim_submissions (id) ON DELETE CASCADE,
    treatment_id bigint NOT NULL REFERENCES treatments (id),
    quantity     smallint NOT NULL DEFAULT 1 CHECK (quantity > 0),
    amount_vnd   bigint NOT NULL CHECK (amount_vnd >= 0)
);
CREATE INDEX bhyt_claim_items_claim_id_idx ON bhyt_claim_items (claim_id);

-- The column outlives a rollback of this migration (its script drops tables only), hence IF NOT EXISTS.
ALTER TABLE invoices ADD COLUMN IF NOT EXISTS bhyt_claim_id bigint;
ALTER TABLE invoices ADD CONSTRAINT invoices_bhyt_claim_id_fkey
    FOREIGN KEY (bhyt_claim_id) REFERENCES bhyt_claim_submissions (id);

CREATE VIEW v_bhyt_claim_status AS
SELECT s.id AS claim_id, s.claim_number, s.status, s.requested_vnd, count(i.id) AS items, sum(i.amount_vnd) AS items_vnd
FROM bhyt_claim_submissions s LEFT JOIN bhyt_claim_items i ON i.claim_id = s.id
GROUP BY s.id;
