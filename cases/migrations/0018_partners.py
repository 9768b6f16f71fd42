import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

REFUSE = """
CREATE FUNCTION cases_refuse_unsaying() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was exchanged with a partner stays written: % on % refused',
        TG_OP, TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER partner_exchange_refuse_row BEFORE UPDATE OR DELETE ON cases_partnerexchange
    FOR EACH ROW EXECUTE FUNCTION cases_refuse_unsaying();
CREATE TRIGGER partner_exchange_refuse_truncate BEFORE TRUNCATE ON cases_partnerexchange
    FOR EACH STATEMENT EXECUTE FUNCTION cases_refuse_unsaying();
"""
ALLOW = """
DROP TRIGGER partner_exchange_refuse_truncate ON cases_partnerexchange;
DROP TRIGGER partner_exchange_refuse_row ON cases_partnerexchange;
DROP FUNCTION cases_refuse_unsaying();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0017_connectors_and_exchanges"),
        ("ingest", "0008_platform_state"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Partner",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "token_digest",
                    models.CharField(blank=True, default="", editable=False, max_length=64),
                ),
                (
                    "token_prefix",
                    models.CharField(blank=True, default="", editable=False, max_length=12),
                ),
                ("token_issued_at", models.DateTimeField(editable=False, null=True)),
                ("slug", models.SlugField(max_length=64, unique=True)),
                (
                    "name",
                    models.CharField(help_text="the name of its STIX identity", max_length=120),
                ),
                ("enabled", models.BooleanField(default=True)),
                (
                    "sealed_secret",
                    models.BinaryField(help_text="32 bytes that both desks hold, sealed"),
                ),
                (
                    "epoch",
                    models.PositiveIntegerField(
                        default=1, help_text="tokens of two epochs do not compare"
                    ),
                ),
                ("epoch_started_at", models.DateTimeField(auto_now_add=True)),
                (
                    "clearance",
                    models.CharField(
                        choices=[
                            ("red", "TLP:RED"),
                            ("amber+strict", "TLP:AMBER+STRICT"),
                            ("amber", "TLP:AMBER"),
                            ("green", "TLP:GREEN"),
                            ("clear", "TLP:CLEAR"),
                        ],
                        default="amber",
                        help_text="the narrowest label that it may be sent",
                        max_length=12,
                    ),
                ),
                (
                    "may_send",
                    models.BooleanField(default=True, help_text="objects to our collection"),
                ),
                (
                    "may_delete",
                    models.BooleanField(default=False, help_text="what it sent there itself"),
                ),
                (
                    "fields",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("accounts", "tokens of core accounts"),
                                ("payment", "tokens of payment cards"),
                                ("templates", "hashes of templates"),
                                ("size", "the size, to two figures"),
                                ("window", "first and last day"),
                                ("verdict", "the verdict"),
                                ("actions", "the kinds of action taken"),
                            ],
                            max_length=12,
                        ),
                        default=list,
                        size=None,
                    ),
                ),
                (
                    "returns",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("sightings", "that we see it too"),
                                ("opinions", "what we made of it"),
                            ],
                            max_length=12,
                        ),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                (
                    "keep_days",
                    models.PositiveSmallIntegerField(
                        default=90, help_text="after which a share to it has expired"
                    ),
                ),
                (
                    "legal_basis",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="the agreement that sharing rests on",
                        max_length=300,
                    ),
                ),
                (
                    "match_kinds",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16),
                        blank=True,
                        default=list,
                        help_text="kinds of few values that may be matched with it all the same",
                        size=None,
                    ),
                ),
                (
                    "match_asks",
                    models.PositiveIntegerField(
                        default=20, help_text="private matches in an epoch"
                    ),
                ),
                (
                    "match_items",
                    models.PositiveIntegerField(
                        default=100000, help_text="values asked for in an epoch"
                    ),
                ),
                (
                    "taxii_url",
                    models.URLField(
                        blank=True,
                        default="",
                        help_text="the API root of its server",
                        max_length=300,
                    ),
                ),
                (
                    "sealed_login",
                    models.BinaryField(
                        blank=True,
                        default=b"",
                        help_text="user:password that we show there, sealed",
                    ),
                ),
                (
                    "allowed_private_hosts",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=100),
                        blank=True,
                        default=list,
                        help_text="private addresses that its server alone may have, by name",
                        size=None,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "changed_at",
                    models.DateTimeField(auto_now=True, help_text="of the policy or its secrets"),
                ),
                (
                    "detector",
                    models.OneToOneField(
                        help_text="the source that its signals are written under",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="partner",
                        to="ingest.detector",
                    ),
                ),
            ],
            options={
                "ordering": ["slug"],
            },
        ),
        migrations.CreateModel(
            name="PartnerExchange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "way",
                    models.CharField(
                        choices=[
                            ("out", "to the partner"),
                            ("in", "from the partner"),
                            ("here", "at this desk"),
                        ],
                        max_length=4,
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        help_text="past tense: objects_read, share_pushed", max_length=32
                    ),
                ),
                ("at", models.DateTimeField(auto_now_add=True)),
                ("objects_count", models.PositiveIntegerField(default=0)),
                (
                    "sha256",
                    models.CharField(
                        blank=True, default="", help_text="of what was sent", max_length=64
                    ),
                ),
                ("detail", models.JSONField(blank=True, default=dict)),
                (
                    "actor",
                    models.ForeignKey(
                        help_text="null: the partner's machine or the desk itself",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="exchanges",
                        to="cases.partner",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="partner",
            constraint=models.UniqueConstraint(
                condition=models.Q(("token_digest", ""), _negated=True),
                fields=("token_digest",),
                name="partner_token_unique",
            ),
        ),
        migrations.AddConstraint(
            model_name="partner",
            constraint=models.CheckConstraint(
                condition=models.Q(("epoch__gte", 1)), name="partner_epoch_from_1"
            ),
        ),
        migrations.AddIndex(
            model_name="partnerexchange",
            index=models.Index(fields=["partner", "-id"], name="exchange_by_partner"),
        ),
        migrations.RunSQL(REFUSE, ALLOW),
    ]
