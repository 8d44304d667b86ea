-- The sample's "today" is 2026-02-11. Every value comes from the row's number or from random() after setseed: the same
-- scale gives the same rows. Sizes are given for scale 1.
SELECT setseed(0.27);

CREATE FUNCTION pg_temp.n(full_size int) RETURNS int LANGUAGE sql STABLE AS
$$ SELECT greatest(40, round(full_size * current_setting('sample.scale')::numeric))::int $$;

CREATE FUNCTION pg_temp.pick(choices anyarray) RETURNS anyelement LANGUAGE sql VOLATILE AS
$$ SELECT choices[1 + floor(random() * cardinality(choices))::int] $$;

CREATE FUNCTION pg_temp.person(female boolean) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT concat_ws(' ',
        pg_temp.pick('{Nguyễn,Nguyễn,Nguyễn,Trần,Trần,Lê,Phạm,Hoàng,Huỳnh,Phan,Vũ,Võ,Đặng,Bùi,Đỗ,Hồ,Ngô,Dương,Lý}'::text[]),
        CASE WHEN female THEN pg_temp.pick('{Thị,Thị,Ngọc,Thu,Kim,Hoài,Thanh,Mỹ}'::text[])
             ELSE pg_temp.pick('{Văn,Văn,Minh,Đức,Hữu,Quốc,Gia,Thanh}'::text[]) END,
        CASE WHEN female THEN pg_temp.pick('{An,Châu,Chi,Dung,Giang,Hà,Hạnh,Hoa,Hương,Lan,Linh,Mai,Nga,Ngân,Nhung,Oanh,
                                             Phương,Quỳnh,Tâm,Thảo,Thủy,Trang,Vân,Yến}'::text[])
             ELSE pg_temp.pick('{An,Bình,Dũng,Hải,Hiếu,Hùng,Khánh,Long,Nam,Phong,Phúc,Quân,Sơn,Trung,Tú,Tuấn}'::text[]) END)
$$;

INSERT INTO clinics (code, name, address, phone, created_at, updated_at)
SELECT code, name, jsonb_build_object('street', street, 'city', city), phone, '2023-09-01', '2023-09-01'
FROM (VALUES
    ('SGN01', 'PhysioFlow Quận 3', '12 Võ Văn Tần', 'TP. Hồ Chí Minh', '028 3930 0101'),
    ('SGN02', 'PhysioFlow Thủ Đức', '208 Võ Văn Ngân', 'TP. Hồ Chí Minh', '028 3722 0102'),
    ('HAN01', 'PhysioFlow Đống Đa', '35 Thái Hà', 'Hà Nội', '024 3857 0201'),
    ('DAD01', 'PhysioFlow Hải Châu', '71 Lê Duẩn', 'Đà Nẵng', '0236 365 0301')
) AS c (code, name, street, city, phone);

INSERT INTO users (clinic_id, email, full_name, role, preferences, active, last_login_at, created_at)
SELECT 1 + i % 4, format('user%s@physioflow.example', i), pg_temp.person(i % 2 = 0),
       (ARRAY['therapist', 'receptionist', 'therapist', 'assistant', 'therapist', 'billing'])[1 + i % 6]::user_role,
       jsonb_build_object('locale', 'vi-VN', 'theme', pg_temp.pick('{light,dark}'::text[])), i % 15 <> 0,
       timestamptz '2026-02-11 08:00+07' - random() * interval '20 days', timestamptz '2023-09-04 09:00+07' + i * interval '3 days'
FROM generate_series(1, 60) i;

INSERT INTO therapists (user_id, clinic_id, licence_number, specialities, hired_on, weekly_hours)
SELECT id, clinic_id, format('%s/HCM-CCHN', lpad((id * 137)::text, 6, '0')),
       ARRAY[pg_temp.pick('{thần kinh,cơ xương khớp,thể thao,nhi,lão khoa}'::text[])], created_at::date,
       pg_temp.pick('{20,32,40,40,40,44}'::numeric[])
FROM users WHERE role = 'therapist';

INSERT INTO patients (clinic_id, record_number, full_name, sex, born_on, phone, address, created_at, updated_at)
SELECT 1 + i % 4, format('BN%s', lpad(i::text, 7, '0')), pg_temp.person(i % 2 = 0),
       CASE WHEN i % 401 = 0 THEN 'other' WHEN i % 2 = 0 THEN 'female' ELSE 'male' END::patient_sex,
       date '1938-01-01' + floor(random() * 27000)::int, format('09%s', lpad(floor(random() * 1e8)::text, 8, '0')),
       jsonb_build_object('ward', 'Phường ' || 1 + i % 15,
                          'city', pg_temp.pick('{TP. Hồ Chí Minh,Hà Nội,Đà Nẵng,Bình Dương,Đồng Nai}'::text[])),
       created, created
FROM generate_series(1, pg_temp.n(4000)) i, LATERAL (SELECT timestamptz '2024-01-02 08:00+07' + (i % 760) * interval '1 day') c (created);

INSERT INTO diagnosis_codes (code, title, title_vi) VALUES
    ('M54.5', 'Low back pain', 'Đau thắt lưng'),
    ('M54.2', 'Cervicalgia', 'Đau cổ'),
    ('M51.2', 'Lumbar disc displacement', 'Thoát vị đĩa đệm thắt lưng'),
    ('M17.1', 'Primary gonarthrosis', 'Thoái hóa khớp gối nguyên phát'),
    ('M75.0', 'Adhesive capsulitis of shoulder', 'Viêm quanh khớp vai thể đông cứng'),
    ('M75.1', 'Rotator cuff syndrome', 'Hội chứng chóp xoay'),
    ('M77.1', 'Lateral epicondylitis', 'Viêm lồi cầu ngoài xương cánh tay'),
    ('S83.5', 'Cruciate ligament sprain', 'Bong gân dây chằng chéo khớp gối'),
    ('S93.4', 'Ankle sprain', 'Bong gân cổ chân'),
    ('G81.9', 'Hemiplegia', 'Liệt nửa người'),
    ('I69.3', 'Sequelae of cerebral infarction', 'Di chứng nhồi máu não'),
    ('G51.0', 'Bell''s palsy', 'Liệt Bell');

INSERT INTO diagnoses (patient_id, code, diagnosed_on, is_primary, note)
SELECT 1 + (i - 1) % (SELECT pg_temp.n(4000)),
       pg_temp.pick('{M54.5,M54.5,M54.2,M51.2,M17.1,M17.1,M75.0,M75.1,M77.1,S83.5,S93.4,G81.9,I69.3,G51.0}'::text[]),
       date '2024-01-05' + floor(random() * 760)::int, i <= (SELECT pg_temp.n(4000)),
       pg_temp.pick(ARRAY[NULL, 'Chuyển từ tuyến trước', 'Tái phát', 'Sau phẫu thuật'])
FROM generate_series(1, pg_temp.n(5500)) i;

INSERT INTO insurance_providers (code, name) VALUES
    ('BHXH-HCM', 'Bảo hiểm xã hội TP. Hồ Chí Minh'), ('BHXH-HN', 'Bảo hiểm xã hội Hà Nội'),
    ('BHXH-DN', 'Bảo hiểm xã hội Đà Nẵng'), ('BVIET', 'Bảo Việt');

INSERT INTO patient_insurance (patient_id, provider_id, card_number, coverage_pct, valid_from, valid_until)
SELECT i, 1 + i % 4, format('DN4%s', lpad((i * 7919::bigint)::text, 12, '0')), pg_temp.pick('{80,80,80,95,100}'::smallint[]),
       date '2025-01-01' + i % 300, date '2026-01-01' + i % 300
FROM generate_series(1, pg_temp.n(3250)) i;
