from django.db import migrations


class Migration(migrations.Migration):
    """Numbers that people say aloud, C-1001 and O-101: given once, gaps allowed."""

    dependencies = [("cases", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "CREATE SEQUENCE cases_case_number START 1001;"
            "CREATE SEQUENCE cases_enforcement_number START 101;",
            "DROP SEQUENCE cases_case_number; DROP SEQUENCE cases_enforcement_number;",
        )
    ]
