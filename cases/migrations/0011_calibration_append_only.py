from django.db import migrations

REFUSE = """
CREATE FUNCTION cases_refuse_recalibration() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a calibration is never changed: % on % refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER calibration_refuse_row BEFORE UPDATE OR DELETE ON cases_calibration
    FOR EACH ROW EXECUTE FUNCTION cases_refuse_recalibration();
CREATE TRIGGER calibration_refuse_truncate BEFORE TRUNCATE ON cases_calibration
    FOR EACH STATEMENT EXECUTE FUNCTION cases_refuse_recalibration();
CREATE TRIGGER activation_refuse_truncate BEFORE TRUNCATE ON cases_activation
    FOR EACH STATEMENT EXECUTE FUNCTION cases_refuse_recalibration();
CREATE TRIGGER activation_refuse_row BEFORE UPDATE OR DELETE ON cases_activation
    FOR EACH ROW EXECUTE FUNCTION cases_refuse_recalibration();
"""
ALLOW = """
DROP TRIGGER activation_refuse_truncate ON cases_activation;
DROP TRIGGER calibration_refuse_truncate ON cases_calibration;
DROP TRIGGER activation_refuse_row ON cases_activation;
DROP TRIGGER calibration_refuse_row ON cases_calibration;
DROP FUNCTION cases_refuse_recalibration();
"""


class Migration(migrations.Migration):
    """What a probability rested on can be read for ever: versions and activations are only added."""

    dependencies = [("cases", "0010_calibration")]

    operations = [migrations.RunSQL(REFUSE, ALLOW)]
