INSERT INTO rom_assessments (patient_id, therapist_id, joint, movement, side, active_deg, passive_deg, assessed_on)
SELECT 1 + (i * 7) % (SELECT pg_temp.n(4000)), 1 + i % 30, j.joint, j.movement, (ARRAY['left', 'right'])[1 + i % 2],
       j.full_deg - i % 60, j.full_deg - i % 60 + i % 12, date '2024-03-01' + i % 700
FROM generate_series(1, pg_temp.n(6000)) i
JOIN (VALUES (0, 'gối', 'gấp', 135), (1, 'vai', 'dạng', 180), (2, 'vai', 'xoay ngoài', 90), (3, 'háng', 'gấp', 120), (4, 'cổ chân', 'gấp mu', 70))
     j (slot, joint, movement, full_deg) ON j.slot = i % 5
ORDER BY i;

INSERT INTO mmt_assessments (patient_id, rom_assessment_id, therapist_id, muscle_group, side, grade, assessed_on)
SELECT patient_id, CASE WHEN id % 3 <> 0 THEN id END, therapist_id,
       (ARRAY['tứ đầu đùi', 'delta', 'gân kheo', 'chày trước', 'nhị đầu'])[1 + id % 5], side,
       (ARRAY['3', '4-', '4', '4+', '5', '2+'])[1 + id % 6], assessed_on
FROM rom_assessments ORDER BY id;

INSERT INTO pain_locations (note_id, patient_id, region, body_map, intensity, quality, recorded_at)
SELECT id, patient_id, (ARRAY['thắt lưng', 'cổ', 'vai phải', 'gối trái', 'cổ chân'])[1 + id % 5],
       point(round((random() * 100)::numeric, 2), round((random() * 200)::numeric, 2)), 2 + id % 8,
       ARRAY[(ARRAY['âm ỉ', 'nhói', 'tê', 'bỏng rát'])[1 + id % 4]], written_at
FROM clinical_notes WHERE id % 2 = 0 ORDER BY id;

INSERT INTO report_templates (clinic_id, name, kind, body, layout, created_by, created_at)
SELECT nullif(i % 5, 0), format('Mẫu %s %s', kind_vi, i), kind,
       format('BÁO CÁO %s' || repeat(E'\n{{ muc_%1$s }}', 6 + i % 5), upper(kind_vi)),
       jsonb_build_object('page', 'A4', 'columns', 1 + i % 2, 'logo', true), 1 + i % 60, timestamptz '2025-06-02 09:00+07' + i * interval '1 day'
FROM generate_series(1, 40) i
JOIN (VALUES (0, 'discharge', 'ra viện'), (1, 'progress', 'tiến triển'), (2, 'insurance', 'bảo hiểm'), (3, 'referral', 'chuyển tuyến'))
     k (slot, kind, kind_vi) ON k.slot = i % 4
ORDER BY i;

CREATE FUNCTION pg_temp.claim_item(claim bigint, item bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
$$ SELECT 41000 + claim * item % 9 * 4000 $$;

INSERT INTO bhyt_claim_submissions (patient_insurance_id, clinic_id, status, requested_vnd, approved_vnd, response, submitted_at)
SELECT card.id, p.clinic_id, state, requested, CASE WHEN state IN ('accepted', 'paid') THEN requested * (80 + i % 21) / 100 END,
       CASE WHEN state NOT IN ('draft', 'submitted') THEN
           jsonb_build_object('ma_ket_qua', CASE state WHEN 'rejected' THEN '205' ELSE '200' END, 'ghi_chu', 'Cổng giám định BHYT') END,
       CASE WHEN state <> 'draft' THEN timestamptz '2025-07-01 16:00+07' + i % 220 * interval '1 day' END
FROM generate_series(1, pg_temp.n(3000)) i
JOIN patient_insurance card ON card.id = 1 + (i * 5) % (SELECT pg_temp.n(3250))
JOIN patients p ON p.id = card.patient_id,
LATERAL (SELECT (ARRAY['paid', 'paid', 'accepted', 'submitted', 'rejected', 'paid', 'draft'])[1 + i % 7]) s (state),
LATERAL (SELECT sum(pg_temp.claim_item(i, j)) FROM generate_series(1, 2 + i % 2) j) t (requested)
ORDER BY i;

INSERT INTO bhyt_claim_items (claim_id, treatment_id, quantity, amount_vnd)
SELECT c.id, 1 + (c.id * 31 + j) % (SELECT pg_temp.n(15000)), 1, pg_temp.claim_item(c.id, j)
FROM bhyt_claim_submissions c, generate_series(1, 2 + c.id % 2) j
ORDER BY c.id, j;

UPDATE invoices SET bhyt_claim_id = 1 + id % (SELECT pg_temp.n(3000)) WHERE id % 10 = 0;

INSERT INTO reevaluation_assessments (patient_id, therapist_id, baseline_measure_id, assessed_on, improvement_pct, goals, recommendation, comment)
SELECT patient_id, therapist_id, id, measured_on + 28, -20 + id * 37 % 110,
       jsonb_build_array(jsonb_build_object('goal', 'Đi bộ 30 phút không đau', 'met', id % 2 = 0),
                         jsonb_build_object('goal', 'Lên xuống cầu thang', 'met', id % 3 = 0)),
       (ARRAY['continue', 'adjust', 'discharge', 'continue', 'refer'])[1 + id % 5], 'Đánh giá lại sau 4 tuần'
FROM outcome_measures WHERE id % 3 <> 0 ORDER BY id;

INSERT INTO assessment_templates (code, name_vi, body_region, fields, version, created_by)
SELECT format('DG%s', lpad(i::text, 2, '0')), 'Lượng giá ' || region_vi, region,
       '[{"key": "vas", "type": "scale", "max": 10}, {"key": "onset", "type": "date"}, {"key": "note", "type": "text"}]', 1 + i % 3, i * 6
FROM (VALUES (1, 'knee', 'khớp gối'), (2, 'shoulder', 'khớp vai'), (3, 'lumbar', 'thắt lưng'), (4, 'neck', 'cổ'), (5, 'ankle', 'cổ chân'),
             (6, 'hip', 'khớp háng'), (7, 'elbow', 'khuỷu tay'), (8, 'neuro', 'thần kinh')) r (i, region, region_vi)
ORDER BY i;

INSERT INTO patient_assessment_templates (patient_id, template_id, answers, completed_at)
SELECT i, 1 + i % 8, jsonb_build_object('vas', i % 11, 'onset', date '2025-05-01' + i % 200, 'note', 'Khởi phát từ từ'),
       CASE WHEN i % 6 <> 0 THEN timestamptz '2025-09-01 10:00+07' + i % 150 * interval '1 day' END
FROM generate_series(1, pg_temp.n(1500)) i;

INSERT INTO special_test_templates (name, name_vi, body_region, sensitivity, specificity, procedure) VALUES
    ('Lachman', 'Nghiệm pháp Lachman', 'knee', 0.850, 0.940, 'Gối gấp 20–30°, kéo xương chày ra trước.'),
    ('McMurray', 'Nghiệm pháp McMurray', 'knee', 0.610, 0.840, 'Gấp gối tối đa, xoay cẳng chân rồi duỗi.'),
    ('Neer', 'Nghiệm pháp Neer', 'shoulder', 0.720, 0.600, 'Giữ xương vai, nâng tay xoay trong.'),
    ('Hawkins-Kennedy', 'Nghiệm pháp Hawkins', 'shoulder', 0.790, 0.590, 'Vai và khuỷu gấp 90°, xoay trong.'),
    ('Spurling', 'Nghiệm pháp Spurling', 'neck', 0.500, 0.880, 'Nghiêng đầu về bên đau, ép dọc trục.'),
    ('Straight leg raise', 'Nghiệm pháp Lasègue', 'lumbar', 0.910, 0.260, 'Nâng chân thẳng, ghi góc xuất hiện đau.'),
    ('FABER', 'Nghiệm pháp Patrick', 'hip', 0.570, 0.710, 'Gấp, dạng, xoay ngoài khớp háng.'),
    ('Anterior drawer (ankle)', 'Ngăn kéo trước cổ chân', 'ankle', 0.740, 0.380, 'Giữ cẳng chân, kéo gót ra trước.'),
    ('Cozen', 'Nghiệm pháp Cozen', 'elbow', 0.840, 0.450, 'Duỗi cổ tay có đề kháng.'),
    ('Romberg', 'Nghiệm pháp Romberg', 'neuro', 0.690, 0.680, 'Đứng chụm chân, nhắm mắt 30 giây.');

INSERT INTO special_test_results (patient_id, template_id, therapist_id, side, result, detail, tested_on)
SELECT 1 + (i * 19) % (SELECT pg_temp.n(4000)), 1 + i % 10, 1 + i % 30, (ARRAY['left', 'right', 'midline'])[1 + i % 3],
       (ARRAY['negative', 'positive', 'negative', 'inconclusive'])[1 + i % 4],
       jsonb_build_object('pain', i % 11, 'end_feel', pg_temp.pick('{mềm,chắc,trống}'::text[])), date '2025-08-01' + i % 190
FROM generate_series(1, pg_temp.n(3000)) i;
