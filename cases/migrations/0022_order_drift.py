from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0021_private_matching"),
        ("ingest", "0008_platform_state"),
    ]

    operations = [
        migrations.AddField(
            model_name="enforcementitem",
            name="drifted_at",
            field=models.DateTimeField(
                help_text="others changed the target then; null: it is as we left it", null=True
            ),
        ),
        migrations.AddIndex(
            model_name="enforcementitem",
            index=models.Index(
                condition=models.Q(("drifted_at__isnull", False)),
                fields=["-drifted_at", "-id"],
                name="item_drifted",
            ),
        ),
    ]
