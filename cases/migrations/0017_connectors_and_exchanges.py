import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0016_orders"),
    ]

    operations = [
        migrations.AddField(
            model_name="connector",
            name="off_because",
            field=models.CharField(
                blank=True, default="", help_text="who or what switched it off", max_length=200
            ),
        ),
        migrations.AddField(
            model_name="connector",
            name="settings",
            field=models.JSONField(
                blank=True, default=dict, help_text="what its kind needs besides; no secrets"
            ),
        ),
        migrations.AddField(
            model_name="enforcementitem",
            name="native_before",
            field=models.JSONField(
                help_text="the platform's own settings before it, for a reversal", null=True
            ),
        ),
        migrations.AlterField(
            model_name="connector",
            name="kind",
            field=models.CharField(
                choices=[
                    ("webhook", "signed webhook"),
                    ("litellm-list", "LiteLLM proxy, by a list that it reads"),
                    ("litellm", "LiteLLM proxy, by its admin calls"),
                    ("envoy", "Envoy rate limit service"),
                ],
                max_length=16,
            ),
        ),
        migrations.CreateModel(
            name="Exchange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("attempt", models.PositiveIntegerField(default=0, help_text="of the item")),
                (
                    "step",
                    models.CharField(
                        choices=[("read", "read"), ("send", "send"), ("probe", "probe")],
                        max_length=8,
                    ),
                ),
                ("at", models.DateTimeField()),
                ("method", models.CharField(max_length=8)),
                ("path", models.CharField(max_length=300)),
                ("request", models.TextField(blank=True, default="")),
                (
                    "status",
                    models.PositiveIntegerField(help_text="null: no answer came", null=True),
                ),
                ("answer", models.TextField(blank=True, default="")),
                ("error", models.CharField(blank=True, default="", max_length=300)),
                ("milliseconds", models.PositiveIntegerField()),
                (
                    "connector",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="exchanges",
                        to="cases.connector",
                    ),
                ),
                (
                    "item",
                    models.ForeignKey(
                        db_index=False,
                        help_text="null: a probe",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="exchanges",
                        to="cases.enforcementitem",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["connector", "-id"], name="exchange_connector"),
                    models.Index(
                        condition=models.Q(("item__isnull", False)),
                        fields=["item", "id"],
                        name="exchange_item",
                    ),
                ],
            },
        ),
    ]
