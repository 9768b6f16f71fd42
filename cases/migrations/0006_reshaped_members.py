from django.db import migrations, models


class Migration(migrations.Migration):
    """A member remembers whether an act made it, and when it had left, so that undo is one rule."""

    dependencies = [
        ("cases", "0005_reshaping"),
    ]

    operations = [
        migrations.RemoveField(model_name="reshapedmember", name="shared"),
        migrations.AddField(
            model_name="reshapedmember",
            name="created",
            field=models.BooleanField(
                default=False, help_text="the act made it: undo lets it leave"
            ),
        ),
        migrations.AddField(
            model_name="reshapedmember",
            name="left_before",
            field=models.DateTimeField(help_text="its left_at as it was", null=True),
        ),
    ]
