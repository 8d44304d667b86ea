INSERT INTO appointments (clinic_id, patient_id, therapist_id, starts_at, duration_min, status, created_at)
SELECT p.clinic_id, p.id, 1 + (i * 13) % 30, starts_at, (ARRAY[30, 45, 45, 60])[1 + i % 4],
       CASE WHEN i <= (SELECT pg_temp.n(15000)) THEN 'done'
            ELSE (ARRAY['booked', 'no_show', 'cancelled', 'booked', 'arrived'])[1 + i % 5] END::appointment_status,
       starts_at - interval '6 days'
FROM generate_series(1, pg_temp.n(20000)) i
JOIN patients p ON p.id = 1 + (i * 17) % (SELECT pg_temp.n(4000)),
LATERAL (SELECT timestamptz '2024-02-01 08:00+07' + (i % 735) * interval '1 day' + (i % 18) * interval '30 minutes') s (starts_at)
ORDER BY i;

INSERT INTO treatment_types (code, name_vi, price_vnd, bhyt_price_vnd) VALUES
    ('VLTL01', 'Siêu âm điều trị', 120000, 45000), ('VLTL02', 'Điện xung', 110000, 41000),
    ('VLTL03', 'Sóng ngắn', 130000, 35000), ('VLTL04', 'Hồng ngoại', 90000, 35000),
    ('VLTL05', 'Kéo giãn cột sống cổ', 160000, 45000), ('VLTL06', 'Kéo giãn cột sống thắt lưng', 160000, 45000),
    ('VLTL07', 'Laser công suất thấp', 180000, 47000), ('VLTL08', 'Sóng xung kích', 350000, 61000),
    ('PHCN01', 'Tập vận động có trợ giúp', 200000, 46000), ('PHCN02', 'Tập thăng bằng', 200000, 46000),
    ('PHCN03', 'Di động khớp', 250000, 46000), ('PHCN04', 'Tập với dây đàn hồi', 150000, NULL);

INSERT INTO treatments (appointment_id, patient_id, therapist_id, treatment_type_id, performed_at, pain_before, pain_after, parameters)
SELECT id, patient_id, therapist_id, 1 + id % 12, starts_at + interval '10 minutes', 4 + id % 6, id % 5,
       jsonb_build_object('minutes', 10 + id % 4 * 5, 'intensity', round((0.5 + id % 7 * 0.25)::numeric, 2), 'region', 'L' || 1 + id % 5)
FROM appointments WHERE id <= (SELECT pg_temp.n(15000)) ORDER BY id;

INSERT INTO exercises (slug, name_vi, body_region, cues)
SELECT format('%s-%s', region, i), format('Bài tập %s số %s', region_vi, i), region,
       '["Giữ lưng thẳng", "Thở đều", "Dừng khi đau trên 5/10"]'
FROM (VALUES ('knee', 'khớp gối'), ('shoulder', 'khớp vai'), ('lumbar', 'thắt lưng'), ('neck', 'cổ'), ('ankle', 'cổ chân'))
     r (region, region_vi), generate_series(1, 8) i
ORDER BY region, i;

INSERT INTO patient_exercises (patient_id, exercise_id, prescribed_on, sets, reps)
SELECT 1 + (i - 1) % size, 1 + (i * 7) % 40, date '2025-03-01' + ((i - 1) / size) * 30 + i % 9, 2 + i % 3, 8 + i % 3 * 4
FROM generate_series(1, pg_temp.n(12500)) i, (SELECT pg_temp.n(4000)) p (size);

INSERT INTO clinical_notes (patient_id, therapist_id, written_at, subjective, objective, plan, signed)
SELECT 1 + (i * 3) % (SELECT pg_temp.n(4000)), 1 + i % 30, timestamptz '2024-02-01 09:00+07' + (i % 735) * interval '1 day',
       format('%s, mức độ %s/10, %s.',
              pg_temp.pick('{Đau âm ỉ vùng thắt lưng lan xuống mông,Cứng khớp buổi sáng khoảng 20 phút,Đau vai khi đưa tay quá đầu,Tê ngón 4 và 5 tay trái,Đi lại khó khăn sau tai biến}'::text[]),
              3 + i % 6, pg_temp.pick('{tăng khi ngồi lâu,giảm khi nằm nghỉ,không lan,nặng hơn về đêm}'::text[])),
       jsonb_build_object('vas', 3 + i % 6, 'gait', pg_temp.pick('{bình thường,khập khiễng,cần nạng}'::text[]),
                          'bp', jsonb_build_array(110 + i % 40, 70 + i % 20)),
       pg_temp.pick('{Tiếp tục phác đồ 2 tuần,Tăng cường bài tập tại nhà,Tái khám sau 7 ngày,Hội chẩn bác sĩ phục hồi chức năng}'::text[]),
       i % 9 <> 0
FROM generate_series(1, pg_temp.n(10000)) i;

INSERT INTO invoices (patient_id, clinic_id, status, total_vnd, issued_on)
SELECT p.id, p.clinic_id, (ARRAY['paid', 'paid', 'paid', 'issued', 'paid', 'void', 'paid', 'draft'])[1 + i % 8]::invoice_status,
       a.price_vnd + b.price_vnd, date '2024-02-01' + i % 735
FROM generate_series(1, pg_temp.n(10000)) i
JOIN patients p ON p.id = 1 + (i * 17) % (SELECT pg_temp.n(4000))
JOIN treatment_types a ON a.id = 1 + i % 12 JOIN treatment_types b ON b.id = 1 + (i * 5) % 12
ORDER BY i;

INSERT INTO invoice_items (invoice_id, position, treatment_type_id, quantity, amount_vnd)
SELECT i, position, t.id, 1, t.price_vnd
FROM generate_series(1, pg_temp.n(10000)) i, generate_series(1, 2) position
JOIN LATERAL (SELECT * FROM treatment_types WHERE id = CASE position WHEN 1 THEN 1 + i % 12 ELSE 1 + (i * 5) % 12 END) t ON true
ORDER BY i, position;

INSERT INTO payments (invoice_id, method, amount_vnd, paid_at, reference)
SELECT id, (ARRAY['cash', 'momo', 'transfer', 'bhyt', 'card'])[1 + id % 5]::payment_method, total_vnd,
       issued_on + interval '9 hours' + id % 8 * interval '1 hour', format('TT%s', lpad(id::text, 9, '0'))
FROM invoices WHERE status = 'paid' ORDER BY id;

INSERT INTO documents (id, patient_id, kind, object_key, size_bytes, sha256, uploaded_at)
SELECT md5('document ' || i)::uuid, 1 + (i * 11) % (SELECT pg_temp.n(4000)),
       (ARRAY['referral', 'x_ray', 'mri', 'consent', 'report'])[1 + i % 5], format('documents/%s/%s.pdf', i % 97, i),
       20000 + i * 7919 % 900000, sha256(convert_to('document ' || i, 'UTF8')), timestamptz '2024-02-01 10:00+07' + i % 735 * interval '1 day'
FROM generate_series(1, pg_temp.n(2000)) i;

INSERT INTO notifications (appointment_id, channel, send_at, sent_at, payload)
SELECT id, (ARRAY['zalo', 'sms', 'email'])[1 + id % 3], starts_at - interval '1 day',
       CASE WHEN starts_at < '2026-02-11 08:00+07' THEN starts_at - interval '1 day' + interval '4 seconds' END,
       jsonb_build_object('template', 'nhac-hen', 'appointment', id)
FROM appointments WHERE id % 4 = 0 ORDER BY id;

INSERT INTO audit_log (user_id, action, entity, entity_id, detail, happened_at)
SELECT 1 + i % 60, (ARRAY['view', 'view', 'update', 'create', 'export'])[1 + i % 5],
       (ARRAY['patients', 'treatments', 'invoices', 'clinical_notes'])[1 + i % 4], 1 + (i * 29) % (SELECT pg_temp.n(4000)),
       jsonb_build_object('ip', format('10.20.%s.%s', i % 4, i % 250)), timestamptz '2025-01-02 08:00+07' + i * 157 % 400 * interval '1 day' + i % 540 * interval '1 minute'
FROM generate_series(1, pg_temp.n(15000)) i;

INSERT INTO outcome_measures (patient_id, therapist_id, measure, score, measured_on)
SELECT 1 + (i - 1) % (SELECT pg_temp.n(4000)), 1 + i % 30, (ARRAY['VAS', 'ODI', 'NDI', 'LEFS', 'DASH'])[1 + i % 5],
       round((random() * 100)::numeric, 1), date '2024-02-05' + i % 735
FROM generate_series(1, pg_temp.n(6000)) i;

INSERT INTO waitlist (patient_id, clinic_id, preferred, priority, requested_at)
SELECT i, 1 + i % 4, tstzrange(day, day + interval '3 days'), 1 + i % 9, timestamptz '2026-02-09 08:00+07' - i % 30 * interval '1 hour'
FROM generate_series(1, pg_temp.n(150)) i, LATERAL (SELECT timestamptz '2026-02-12 08:00+07' + i % 20 * interval '1 day') d (day);
