from django.db import migrations, models


class Migration(migrations.Migration):
    """A constraint that the desk wrote or widened is news to grouping, as a person's act is."""

    dependencies = [
        ("cases", "0008_grouping_memory"),
    ]

    operations = [
        migrations.AddField(
            model_name="constraint",
            name="taken_at",
            field=models.DateTimeField(
                help_text="when a grouping run first used it; more accounts empty it again",
                null=True,
            ),
        ),
        migrations.AddIndex(
            model_name="constraint",
            index=models.Index(
                condition=models.Q(("taken_at", None)), fields=["id"], name="constraint_not_taken"
            ),
        ),
    ]
