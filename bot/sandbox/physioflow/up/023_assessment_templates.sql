CREATE TABLE assessment_templates (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code        text NOT NULL UNIQUE,
    name_vi     text NOT NULL,
    body_region text NOT NULL,
    fields      jsonb NOT NULL CHECK (jsonb_typeof(fields) = 'array'),
    version     smallint NOT NULL DEFAULT 1,
    created_by  bigint REFERENCES users (id)
);

CREATE TABLE patient_assessment_templates (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient_id   bigint NOT NULL REFERENCES patients (id) ON DELETE CASCADE,
    template_id  integer NOT NULL REFERENCES assessment_templates (id),
    answers      jsonb NOT NULL DEFAULT '{}',
    completed_at timestamptz,
    UNIQUE (patient_id, template_id)
);
CREATE INDEX patient_assessment_templates_template_idx ON patient_assessment_templates (template_id);
