CREATE TYPE payment_method AS ENUM ('cash', 'card', 'transfer', 'momo', 'bhyt');

CREATE TABLE payments (
    id         bigserial PRIMARY KEY,
    invoice_id bigint NOT NULL REFERENCES invoices (id),
    method     payment_method NOT NULL,
    amount_vnd bigint NOT NULL CHECK (amount_vnd > 0),
    paid_at    timestamptz NOT NULL,
    reference  text
);
CREATE INDEX payments_invoice_id_idx ON payments (invoice_id);

CREATE VIEW v_invoice_balance AS
SELECT i.id AS invoice_id, i.patient_id, i.total_vnd - coalesce(sum(p.amount_vnd), 0) AS open_vnd
FROM invoices i LEFT JOIN payments p ON p.invoice_id = i.id
WHERE i.status <> 'void'
GROUP BY i.id;
