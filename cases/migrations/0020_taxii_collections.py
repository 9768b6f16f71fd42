import uuid

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0019_order_rules"),
    ]

    operations = [
        migrations.CreateModel(
            name="Collection",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "way",
                    models.CharField(
                        choices=[
                            ("out", "for the partner to read"),
                            ("in", "for the partner to send to"),
                        ],
                        max_length=3,
                    ),
                ),
                (
                    "tlp",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("red", "TLP:RED"),
                            ("amber+strict", "TLP:AMBER+STRICT"),
                            ("amber", "TLP:AMBER"),
                            ("green", "TLP:GREEN"),
                            ("clear", "TLP:CLEAR"),
                        ],
                        default="",
                        help_text="of way out",
                        max_length=12,
                    ),
                ),
                (
                    "newest_at",
                    models.DateTimeField(
                        help_text="when the newest object came in; the row's lock orders the next ones",
                        null=True,
                    ),
                ),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="collections",
                        to="cases.partner",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SharedObject",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("stix_id", models.CharField(db_collation="C", max_length=140)),
                ("type", models.CharField(db_collation="C", max_length=100)),
                (
                    "version",
                    models.DateTimeField(help_text="modified, else created, else when it came in"),
                ),
                (
                    "added_at",
                    models.DateTimeField(help_text="by our clock; never twice in a collection"),
                ),
                (
                    "is_first",
                    models.BooleanField(default=True, help_text="of the versions that stand"),
                ),
                (
                    "is_last",
                    models.BooleanField(default=True, help_text="of the versions that stand"),
                ),
                ("body", models.TextField()),
                ("sha256", models.CharField(max_length=64)),
                (
                    "removed_at",
                    models.DateTimeField(help_text="by the partner; kept as evidence", null=True),
                ),
                (
                    "read_at",
                    models.DateTimeField(
                        help_text="way in: when it was held against what we see", null=True
                    ),
                ),
                (
                    "collection",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="kept",
                        to="cases.collection",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Submission",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "door",
                    models.CharField(
                        choices=[("posted", "sent to us"), ("polled", "fetched by us")],
                        max_length=6,
                    ),
                ),
                ("received_at", models.DateTimeField(auto_now_add=True)),
                ("total", models.PositiveIntegerField()),
                (
                    "stored",
                    models.PositiveIntegerField(default=0, help_text="repeated ones among them"),
                ),
                ("refused", models.PositiveIntegerField(default=0)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "collection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="submissions",
                        to="cases.collection",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SubmissionItem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("place", models.PositiveIntegerField(help_text="from 0, in the envelope")),
                (
                    "stix_id",
                    models.CharField(blank=True, db_collation="C", default="", max_length=140),
                ),
                ("version", models.CharField(blank=True, default="", max_length=40)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("stored", "Stored"),
                            ("repeated", "Repeated"),
                            ("refused", "Refused"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("reason", models.CharField(blank=True, default="", max_length=1000)),
                ("body", models.BinaryField(help_text="as it came; empty once stored")),
                (
                    "submission",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="items",
                        to="cases.submission",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="collection",
            constraint=models.UniqueConstraint(
                fields=("partner", "way", "tlp"), name="collection_one"
            ),
        ),
        migrations.AddConstraint(
            model_name="collection",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("tlp", ""), ("way", "in")),
                    models.Q(("way", "out"), models.Q(("tlp", ""), _negated=True)),
                    _connector="OR",
                ),
                name="collection_out_has_label",
            ),
        ),
        migrations.AddIndex(
            model_name="sharedobject",
            index=models.Index(
                condition=models.Q(("removed_at", None)),
                fields=["collection", "added_at"],
                name="object_by_receipt",
            ),
        ),
        migrations.AddIndex(
            model_name="sharedobject",
            index=models.Index(
                condition=models.Q(("is_last", True), ("removed_at", None)),
                fields=["collection", "added_at"],
                name="object_newest_by_receipt",
            ),
        ),
        migrations.AddIndex(
            model_name="sharedobject",
            index=models.Index(
                condition=models.Q(("removed_at", None)),
                fields=["collection", "type", "added_at"],
                name="object_by_type",
            ),
        ),
        migrations.AddIndex(
            model_name="sharedobject",
            index=models.Index(
                condition=models.Q(("read_at", None), ("removed_at", None)),
                fields=["id"],
                name="object_unread",
            ),
        ),
        migrations.AddConstraint(
            model_name="sharedobject",
            constraint=models.UniqueConstraint(
                condition=models.Q(("removed_at", None)),
                fields=("collection", "stix_id", "version"),
                name="object_version_once",
            ),
        ),
        migrations.AddIndex(
            model_name="submission",
            index=models.Index(
                condition=models.Q(("finished_at", None)),
                fields=["received_at"],
                name="submission_waiting",
            ),
        ),
        migrations.AddIndex(
            model_name="submissionitem",
            index=models.Index(
                condition=models.Q(("state", "waiting")),
                fields=["submission", "place"],
                name="submission_item_waiting",
            ),
        ),
        migrations.AddConstraint(
            model_name="submissionitem",
            constraint=models.UniqueConstraint(
                fields=("submission", "place"), name="submission_item_place"
            ),
        ),
    ]
