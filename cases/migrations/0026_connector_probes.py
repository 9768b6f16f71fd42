import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0025_shares_to_partners"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="connector",
            name="probe_asked_at",
            field=models.DateTimeField(help_text="a worker is to ask it something", null=True),
        ),
        migrations.AddField(
            model_name="connector",
            name="probe_ok",
            field=models.BooleanField(null=True),
        ),
        migrations.AddField(
            model_name="connector",
            name="probe_says",
            field=models.CharField(blank=True, default="", max_length=300),
        ),
        migrations.AddField(
            model_name="connector",
            name="probed_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="connector",
            name="switched_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="connector",
            name="switched_by",
            field=models.ForeignKey(
                help_text="null: the platform's own answer, or the command line",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
    ]
