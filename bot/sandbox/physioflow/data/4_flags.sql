INSERT INTO feature_flags (key, description, enabled, rollout_pct, rules, created_at, updated_at)
SELECT key, description, rollout_pct > 0, rollout_pct, rules::jsonb, '2026-02-09 09:00+07', '2026-02-09 09:00+07'
FROM (VALUES
    ('bhyt_auto_submit', 'Gửi hồ sơ BHYT tự động', 25, '[{"clinic": "SGN01"}]'),
    ('new_body_map', 'Sơ đồ cơ thể phiên bản 2', 100, '[]'),
    ('zalo_reminders', 'Nhắc hẹn qua Zalo', 50, '[{"clinic": "HAN01"}]'),
    ('special_test_wizard', 'Trợ lý nghiệm pháp đặc biệt', 10, '[{"role": "therapist"}]'),
    ('report_designer', 'Thiết kế mẫu báo cáo', 0, '[]'),
    ('online_booking', 'Đặt lịch trực tuyến', 100, '[]'),
    ('dark_theme', 'Giao diện tối', 100, '[]'),
    ('outcome_dashboard', 'Bảng theo dõi kết quả', 75, '[{"role": "admin"}]'),
    ('telerehab', 'Tập từ xa qua video', 5, '[{"clinic": "DAD01"}]'),
    ('momo_payment', 'Thanh toán MoMo', 100, '[]'),
    ('smart_waitlist', 'Xếp lịch chờ thông minh', 0, '[]'),
    ('e_signature', 'Ký số hồ sơ', 30, '[{"role": "therapist"}]')
) f (key, description, rollout_pct, rules);

INSERT INTO feature_flag_audit_log (flag_id, changed_by, old_value, new_value, changed_at)
SELECT 1 + i % 12, 1 + i % 60, CASE WHEN i > 12 THEN jsonb_build_object('rollout_pct', i % 10 * 10) END,
       jsonb_build_object('rollout_pct', (i + 1) % 11 * 10), timestamptz '2026-02-09 09:00+07' + i % 40 * interval '1 hour'
FROM generate_series(1, pg_temp.n(200)) i;

REFRESH MATERIALIZED VIEW mv_therapist_productivity;
REFRESH MATERIALIZED VIEW mv_diagnosis_statistics;
REFRESH MATERIALIZED VIEW mv_treatment_outcomes;
REFRESH MATERIALIZED VIEW mv_insurance_claims_summary;

-- One migration a fortnight, the last two days ago.
UPDATE schema_migrations
SET applied_at = timestamptz '2026-02-09 21:00+07' - (27 - substring(name FROM '^[0-9]+')::int) * interval '14 days';
