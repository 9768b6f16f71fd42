import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ingest", "0007_withdrawals"),
    ]

    operations = [
        migrations.CreateModel(
            name="AccountPart",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("key", "key"), ("end_user", "end user")], max_length=8
                    ),
                ),
                ("external_id", models.CharField(db_collation="C", max_length=200)),
                (
                    "is_aggregate",
                    models.BooleanField(default=False, help_text="it stands for many people"),
                ),
                ("state", models.CharField(default="active", max_length=10)),
                ("state_actor", models.CharField(blank=True, default="", max_length=120)),
                ("state_reason", models.CharField(blank=True, default="", max_length=300)),
                ("state_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="PlatformReport",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("state", models.CharField(max_length=10)),
                ("actor", models.CharField(max_length=120)),
                ("reason", models.CharField(blank=True, default="", max_length=300)),
                ("at", models.DateTimeField(help_text="at the platform")),
                ("received_at", models.DateTimeField(auto_now_add=True)),
                (
                    "source",
                    models.CharField(
                        help_text="api, file, or the order that read it back", max_length=40
                    ),
                ),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="account",
            name="account_state_known",
        ),
        migrations.AlterField(
            model_name="account",
            name="state",
            field=models.CharField(
                choices=[
                    ("active", "Active"),
                    ("verify", "Verify"),
                    ("limited", "Limited"),
                    ("suspended", "Suspended"),
                ],
                default="active",
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="account",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["active", "verify", "limited", "suspended"])),
                name="account_state_known",
            ),
        ),
        migrations.AddField(
            model_name="accountpart",
            name="account",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="parts",
                to="ingest.account",
            ),
        ),
        migrations.AddField(
            model_name="platformreport",
            name="account",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="platform_reports",
                to="ingest.account",
            ),
        ),
        migrations.AddField(
            model_name="platformreport",
            name="part",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="platform_reports",
                to="ingest.accountpart",
            ),
        ),
        migrations.AddConstraint(
            model_name="accountpart",
            constraint=models.UniqueConstraint(
                fields=("account", "kind", "external_id"), name="account_part_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="accountpart",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["active", "verify", "limited", "suspended", "revoked"])
                ),
                name="account_part_state_known",
            ),
        ),
        migrations.AddIndex(
            model_name="platformreport",
            index=models.Index(fields=["account", "-at", "-id"], name="platform_report_newest"),
        ),
        migrations.AddConstraint(
            model_name="platformreport",
            constraint=models.UniqueConstraint(
                fields=("account", "part", "at", "state", "actor"),
                name="platform_report_unique",
                nulls_distinct=False,
            ),
        ),
    ]
