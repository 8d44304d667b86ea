-- migration: 020_report_templates
-- adds: Report template system
-- impact: Loses report templates.
-- data-loss: report_templates
-- verify: SELECT to_regclass('report_templates') IS NULL

DROP TABLE IF EXISTS report_templates CASCADE;
