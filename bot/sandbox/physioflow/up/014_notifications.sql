CREATE TABLE notifications (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    appointment_id bigint NOT NULL REFERENCES appointments (id) ON DELETE CASCADE,
    channel        text NOT NULL CHECK (channel IN ('sms', 'zalo', 'email')),
    send_at        timestamptz NOT NULL,
    sent_at        timestamptz,
    payload        jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX notifications_due_idx ON notifications (send_at) WHERE sent_at IS NULL;
