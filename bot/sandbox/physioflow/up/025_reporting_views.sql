CREATE MATERIALIZED VIEW mv_therapist_productivity AS
SELECT t.therapist_id, date_trunc('month', t.performed_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS month,
       count(*) AS treatments, count(DISTINCT t.patient_id) AS patients,
       round(avg(t.pain_before - t.pain_after), 2) AS mean_relief
FROM treatments t
GROUP BY 1, 2;
CREATE UNIQUE INDEX mv_therapist_productivity_key ON mv_therapist_productivity (therapist_id, month);

CREATE MATERIALIZED VIEW mv_diagnosis_statistics AS
SELECT d.code, c.title_vi, count(*) AS diagnoses, count(DISTINCT d.patient_id) AS patients, max(d.diagnosed_on) AS latest
FROM diagnoses d JOIN diagnosis_codes c USING (code)
GROUP BY d.code, c.title_vi;
CREATE UNIQUE INDEX mv_diagnosis_statistics_key ON mv_diagnosis_statistics (code);

CREATE MATERIALIZED VIEW mv_treatment_outcomes AS
SELECT d.code, r.recommendation, count(*) AS reevaluations, round(avg(r.improvement_pct), 1) AS mean_improvement_pct
FROM reevaluation_assessments r JOIN diagnoses d ON d.patient_id = r.patient_id AND d.is_primary
GROUP BY d.code, r.recommendation;
CREATE UNIQUE INDEX mv_treatment_outcomes_key ON mv_treatment_outcomes (code, recommendation);

CREATE MATERIALIZED VIEW mv_insurance_claims_summary AS
SELECT clinic_id, status, count(*) AS claims, sum(requested_vnd) AS requested_vnd, sum(approved_vnd) AS approved_vnd
FROM bhyt_claim_submissions
GROUP BY clinic_id, status;
CREATE UNIQUE INDEX mv_insurance_claims_summary_key ON mv_insurance_claims_summary (clinic_id, status);
