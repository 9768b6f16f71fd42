from django.db import migrations, models


class Migration(migrations.Migration):
    """Each tab and each order of the queue follows an index, at any number of cases."""

    dependencies = [
        ("cases", "0003_timeline_append_only"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                condition=models.Q(("status__in", ["new", "in_review", "escalated", "reopened"])),
                fields=["due_at", "id"],
                name="case_due",
            ),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                condition=models.Q(("status__in", ["new", "in_review", "escalated", "reopened"])),
                fields=["-harm_per_day", "-id"],
                name="case_harm",
            ),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                condition=models.Q(("new_since_decision__gt", 0)),
                fields=["-priority", "-id"],
                name="case_grown",
            ),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                condition=models.Q(("status__in", ["decided", "closed"])),
                fields=["-priority", "-id"],
                name="case_decided",
            ),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                condition=models.Q(("status__in", ["new", "in_review", "escalated", "reopened"])),
                fields=["snoozed_until"],
                name="case_snoozed",
            ),
        ),
    ]
