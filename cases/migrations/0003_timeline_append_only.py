from django.db import migrations

REFUSE = """
CREATE FUNCTION cases_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the timeline is append-only: % on % refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER timeline_refuse_row BEFORE UPDATE OR DELETE ON cases_timelineevent
    FOR EACH ROW EXECUTE FUNCTION cases_refuse_change();
CREATE TRIGGER timeline_refuse_truncate BEFORE TRUNCATE ON cases_timelineevent
    FOR EACH STATEMENT EXECUTE FUNCTION cases_refuse_change();
CREATE TRIGGER timeline_content_refuse_update BEFORE UPDATE ON cases_eventcontent
    FOR EACH ROW EXECUTE FUNCTION cases_refuse_change();
"""
ALLOW = """
DROP TRIGGER timeline_content_refuse_update ON cases_eventcontent;
DROP TRIGGER timeline_refuse_truncate ON cases_timelineevent;
DROP TRIGGER timeline_refuse_row ON cases_timelineevent;
DROP FUNCTION cases_refuse_change();
"""


class Migration(migrations.Migration):
    """Row triggers refuse UPDATE and DELETE, a statement trigger refuses TRUNCATE.

    Content may be deleted (erasure), never rewritten.
    """

    dependencies = [("cases", "0002_number_sequences")]

    operations = [migrations.RunSQL(REFUSE, ALLOW)]
