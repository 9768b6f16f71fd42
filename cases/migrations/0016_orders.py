import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0015_packet_signatures"),
        ("ingest", "0008_platform_state"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Appeal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("text", models.TextField(help_text="the customer's own words", max_length=8000)),
                ("filed_at", models.DateTimeField()),
                ("due_at", models.DateTimeField(help_text="the clock: decided by then")),
                ("entered_at", models.DateTimeField(auto_now_add=True)),
                ("taken_at", models.DateTimeField(null=True)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[("granted", "granted"), ("denied", "denied")],
                        default="",
                        max_length=8,
                    ),
                ),
                ("rationale", models.TextField(blank=True, default="", max_length=4000)),
                ("decided_at", models.DateTimeField(null=True)),
                (
                    "affected",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="shares, packets and others by the same evidence",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="EventHook",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("slug", models.SlugField(max_length=64, unique=True)),
                ("url", models.URLField(max_length=300)),
                ("sealed_secret", models.BinaryField()),
                (
                    "events",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=24),
                        help_text="kinds of event that it is told",
                        size=None,
                    ),
                ),
                (
                    "allowed_private_hosts",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=100),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                ("enabled", models.BooleanField(default=True)),
                ("failures", models.PositiveIntegerField(default=0, help_text="in a row")),
                ("open_until", models.DateTimeField(help_text="it rests until then", null=True)),
                ("made_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name="HookDelivery",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "body",
                    models.JSONField(
                        help_text="as it was when it happened, without what is kept back"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("waiting", "waiting"), ("sent", "sent"), ("failed", "given up")],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("due_at", models.DateTimeField(null=True)),
                ("last_status", models.PositiveIntegerField(null=True)),
                ("last_error", models.CharField(blank=True, default="", max_length=300)),
                ("sent_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Notice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("slug", models.SlugField(max_length=64, unique=True)),
                ("title", models.CharField(max_length=120)),
                (
                    "kinds",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=10),
                        help_text="kinds of order that it is for",
                        size=None,
                    ),
                ),
                ("language", models.CharField(default="en", help_text="BCP 47", max_length=12)),
                ("retired_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="NoticeVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("text", models.TextField(max_length=4000)),
                ("written_at", models.DateTimeField(auto_now_add=True)),
                ("approved_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Protected",
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
                        choices=[("account", "account"), ("organisation", "organisation")],
                        max_length=12,
                    ),
                ),
                ("value", models.CharField(db_collation="C", max_length=200)),
                ("reason", models.CharField(max_length=300)),
                ("added_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("end_reason", models.CharField(blank=True, default="", max_length=300)),
            ],
            options={
                "verbose_name_plural": "protected",
            },
        ),
        migrations.CreateModel(
            name="StandingAuthorisation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=10)),
                ("parameters", models.JSONField(blank=True, default=dict)),
                (
                    "least_bits",
                    models.FloatField(help_text="of what a successor took up, over all families"),
                ),
                (
                    "most_accounts",
                    models.PositiveIntegerField(help_text="over all orders that rest on it"),
                ),
                ("ends_at", models.DateTimeField()),
                (
                    "lasts_hours",
                    models.PositiveIntegerField(
                        help_text="each of its orders lapses after so long"
                    ),
                ),
                ("reason", models.CharField(max_length=500)),
                ("notice", models.TextField(blank=True, default="", max_length=4000)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("proposed", "waiting for a second person"),
                            ("standing", "standing"),
                            ("refused", "refused"),
                            ("ended", "ended"),
                        ],
                        default="proposed",
                        max_length=8,
                    ),
                ),
                ("proposed_at", models.DateTimeField(auto_now_add=True)),
                ("reviewed_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("used", models.PositiveIntegerField(default=0, help_text="accounts so far")),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="enforcement",
            name="enforcement_runs_only_approved",
        ),
        migrations.RemoveConstraint(
            model_name="enforcementitem",
            name="item_unique",
        ),
        migrations.AddField(
            model_name="enforcement",
            name="approve_by",
            field=models.DateTimeField(help_text="not approved by then, it expires", null=True),
        ),
        migrations.AddField(
            model_name="enforcement",
            name="approved_hash",
            field=models.CharField(blank=True, default="", max_length=64),
        ),
        migrations.AddField(
            model_name="enforcement",
            name="begins_at",
            field=models.DateTimeField(help_text="the moment that was drawn", null=True),
        ),
        migrations.AddField(
            model_name="enforcement",
            name="content_hash",
            field=models.CharField(
                blank=True, default="", help_text="SHA-256 of all that is approved", max_length=64
            ),
        ),
        migrations.AddField(
            model_name="enforcement",
            name="ended_at",
            field=models.DateTimeField(help_text="its end was carried out, or renewed", null=True),
        ),
        migrations.AddField(
            model_name="enforcement",
            name="p_at_request",
            field=models.FloatField(help_text="P(abuse) of the case when asked for", null=True),
        ),
        migrations.AddField(
            model_name="enforcement",
            name="parameters",
            field=models.JSONField(blank=True, default=dict, help_text="of a limit: rpm, tpm"),
        ),
        migrations.AddField(
            model_name="enforcement",
            name="pause_reason",
            field=models.CharField(blank=True, default="", max_length=300),
        ),
        migrations.AddField(
            model_name="enforcement",
            name="paused_at",
            field=models.DateTimeField(help_text="nothing new is sent since", null=True),
        ),
        migrations.AddField(
            model_name="enforcement",
            name="paused_by",
            field=models.ForeignKey(
                help_text="null while paused: a rule paused it",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="enforcement",
            name="plan",
            field=models.CharField(
                choices=[("at_once", "all at once"), ("stages", "in stages")],
                default="at_once",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="enforcement",
            name="reverses",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="reversals",
                to="cases.enforcement",
            ),
        ),
        migrations.AddField(
            model_name="enforcement",
            name="second_person",
            field=models.BooleanField(
                db_default=True,
                default=True,
                help_text="it runs only when another person approved it",
            ),
        ),
        migrations.AddField(
            model_name="enforcement",
            name="selection",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text="how the targets were chosen; they are frozen as items",
            ),
        ),
        migrations.AddField(
            model_name="enforcement",
            name="stage",
            field=models.PositiveSmallIntegerField(
                default=0, help_text="the last that is open, from 0"
            ),
        ),
        migrations.AddField(
            model_name="enforcement",
            name="stage_minutes",
            field=models.PositiveIntegerField(
                default=0, help_text="a stage is watched so long before the next opens by itself"
            ),
        ),
        migrations.AddField(
            model_name="enforcement",
            name="stage_opened_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="enforcement",
            name="stages",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.PositiveSmallIntegerField(),
                blank=True,
                default=list,
                help_text="percent, the last 100",
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="enforcement",
            name="target_kind",
            field=models.CharField(
                choices=[
                    ("account", "accounts"),
                    ("key", "keys"),
                    ("end_user", "end users"),
                    ("organisation", "organisations"),
                ],
                default="account",
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="enforcement",
            name="window_minutes",
            field=models.PositiveIntegerField(
                default=0,
                help_text="it starts at a random moment within so many minutes of its approval",
            ),
        ),
        migrations.AddField(
            model_name="enforcementitem",
            name="stage",
            field=models.PositiveSmallIntegerField(
                db_default=0, default=0, help_text="of the plan"
            ),
        ),
        migrations.AddField(
            model_name="enforcementitem",
            name="target",
            field=models.CharField(
                blank=True,
                db_collation="C",
                db_default="",
                default="",
                help_text="key, end user or organisation; empty: the account itself",
                max_length=200,
            ),
        ),
        migrations.AlterField(
            model_name="enforcement",
            name="connector",
            field=models.ForeignKey(
                help_text="null: the desk carries it out itself (watch, contact)",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="enforcements",
                to="cases.connector",
            ),
        ),
        migrations.AlterField(
            model_name="enforcement",
            name="state",
            field=models.CharField(
                choices=[
                    ("requested", "waiting for approval"),
                    ("running", "being delivered"),
                    ("done", "done"),
                    ("refused", "refused"),
                    ("cancelled", "cancelled"),
                    ("expired", "not approved in time"),
                ],
                default="requested",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="timelineevent",
            name="kind",
            field=models.CharField(
                choices=[
                    ("case_opened", "Case Opened"),
                    ("members_changed", "Members Changed"),
                    ("case_claimed", "Case Claimed"),
                    ("case_released", "Case Released"),
                    ("case_snoozed", "Case Snoozed"),
                    ("case_woken", "Case Woken"),
                    ("case_escalated", "Case Escalated"),
                    ("case_reopened", "Case Reopened"),
                    ("case_closed", "Case Closed"),
                    ("decision_recorded", "Decision Recorded"),
                    ("member_judged", "Member Judged"),
                    ("verdict_undone", "Verdict Undone"),
                    ("case_split", "Case Split"),
                    ("split_undone", "Split Undone"),
                    ("cases_merged", "Cases Merged"),
                    ("merge_undone", "Merge Undone"),
                    ("merge_proposed", "Merge Proposed"),
                    ("merge_declined", "Merge Declined"),
                    ("decline_undone", "Decline Undone"),
                    ("case_grew", "Case Grew"),
                    ("wave_opened", "Wave Opened"),
                    ("operator_linked", "Operator Linked"),
                    ("operator_unlinked", "Operator Unlinked"),
                    ("note_added", "Note Added"),
                    ("content_revealed", "Content Revealed"),
                    ("enforcement_requested", "Enforcement Requested"),
                    ("enforcement_approved", "Enforcement Approved"),
                    ("enforcement_refused", "Enforcement Refused"),
                    ("enforcement_cancelled", "Enforcement Cancelled"),
                    ("enforcement_finished", "Enforcement Finished"),
                    ("enforcement_paused", "Enforcement Paused"),
                    ("enforcement_resumed", "Enforcement Resumed"),
                    ("enforcement_staged", "Enforcement Staged"),
                    ("enforcement_expired", "Enforcement Expired"),
                    ("enforcement_lapsed", "Enforcement Lapsed"),
                    ("enforcement_renewed", "Enforcement Renewed"),
                    ("renewal_asked", "Renewal Asked"),
                    ("appeal_filed", "Appeal Filed"),
                    ("appeal_taken", "Appeal Taken"),
                    ("appeal_decided", "Appeal Decided"),
                    ("authorisation_proposed", "Authorisation Proposed"),
                    ("authorisation_approved", "Authorisation Approved"),
                    ("authorisation_refused", "Authorisation Refused"),
                    ("authorisation_ended", "Authorisation Ended"),
                    ("platform_drifted", "Platform Drifted"),
                    ("share_prepared", "Share Prepared"),
                    ("share_approved", "Share Approved"),
                    ("share_refused", "Share Refused"),
                    ("share_downloaded", "Share Downloaded"),
                    ("packet_requested", "Packet Requested"),
                    ("packet_sealed", "Packet Sealed"),
                    ("packet_downloaded", "Packet Downloaded"),
                    ("watermark_found", "Watermark Found"),
                    ("signals_withdrawn", "Signals Withdrawn"),
                    ("signals_restored", "Signals Restored"),
                    ("sample_drawn", "Sample Drawn"),
                    ("sample_finished", "Sample Finished"),
                    ("sample_cancelled", "Sample Cancelled"),
                    ("reading_assigned", "Reading Assigned"),
                    ("reading_finished", "Reading Finished"),
                ],
                max_length=24,
            ),
        ),
        migrations.AddConstraint(
            model_name="enforcementitem",
            constraint=models.UniqueConstraint(
                fields=("enforcement", "account", "target"), name="item_unique"
            ),
        ),
        migrations.AddField(
            model_name="appeal",
            name="entered_by",
            field=models.ForeignKey(
                help_text="null: it came by the API",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="appeal",
            name="item",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="appeals",
                to="cases.enforcementitem",
            ),
        ),
        migrations.AddField(
            model_name="appeal",
            name="order",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="appeals",
                to="cases.enforcement",
            ),
        ),
        migrations.AddField(
            model_name="appeal",
            name="restored_by",
            field=models.ForeignKey(
                help_text="the order that puts the account back",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="cases.enforcement",
            ),
        ),
        migrations.AddField(
            model_name="appeal",
            name="reviewer",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="appeals",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="eventhook",
            name="made_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="hookdelivery",
            name="event",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="cases.timelineevent",
            ),
        ),
        migrations.AddField(
            model_name="hookdelivery",
            name="hook",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="deliveries",
                to="cases.eventhook",
            ),
        ),
        migrations.AddField(
            model_name="noticeversion",
            name="approved_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="noticeversion",
            name="notice",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="versions",
                to="cases.notice",
            ),
        ),
        migrations.AddField(
            model_name="noticeversion",
            name="written_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="enforcement",
            name="notice_version",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="orders",
                to="cases.noticeversion",
            ),
        ),
        migrations.AddField(
            model_name="protected",
            name="added_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="protected",
            name="ended_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="standingauthorisation",
            name="connector",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="cases.connector"
            ),
        ),
        migrations.AddField(
            model_name="standingauthorisation",
            name="ended_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="standingauthorisation",
            name="operator",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="authorisations",
                to="cases.operator",
            ),
        ),
        migrations.AddField(
            model_name="standingauthorisation",
            name="proposed_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="standingauthorisation",
            name="reviewed_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="enforcement",
            name="authorisation",
            field=models.ForeignKey(
                help_text="it was approved in advance by this",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="orders",
                to="cases.standingauthorisation",
            ),
        ),
        migrations.AddIndex(
            model_name="enforcement",
            index=models.Index(
                condition=models.Q(("state__in", ["requested", "running"])),
                fields=["id"],
                name="enforcement_open",
            ),
        ),
        migrations.AddIndex(
            model_name="enforcement",
            index=models.Index(
                condition=models.Q(("ended_at", None), ("expires_at__isnull", False)),
                fields=["expires_at"],
                name="enforcement_ends",
            ),
        ),
        migrations.AddConstraint(
            model_name="enforcement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ["running", "done"]), _negated=True),
                    ("reviewed_by__isnull", False),
                    ("second_person", False),
                    _connector="OR",
                ),
                name="enforcement_runs_only_approved",
            ),
        ),
        migrations.AddConstraint(
            model_name="enforcement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ["running", "done"]), _negated=True),
                    ("approved_hash", models.F("content_hash")),
                    _connector="OR",
                ),
                name="enforcement_runs_as_approved",
            ),
        ),
        migrations.AddConstraint(
            model_name="enforcement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("connector__isnull", False),
                    ("kind__in", ["watch", "contact"]),
                    _connector="XOR",
                ),
                name="enforcement_leaves_by_connector",
            ),
        ),
        migrations.AddIndex(
            model_name="appeal",
            index=models.Index(
                condition=models.Q(("decided_at", None)),
                fields=["due_at", "id"],
                name="appeal_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="appeal",
            constraint=models.UniqueConstraint(
                condition=models.Q(("decided_at", None)), fields=("item",), name="appeal_one_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="appeal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decided_at", None), ("outcome", "")),
                    models.Q(
                        models.Q(("outcome", ""), _negated=True),
                        ("decided_at__isnull", False),
                        ("reviewer__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="appeal_decided_by_somebody",
            ),
        ),
        migrations.AddIndex(
            model_name="hookdelivery",
            index=models.Index(
                condition=models.Q(("state", "waiting")),
                fields=["due_at", "id"],
                name="hook_delivery_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="hookdelivery",
            constraint=models.UniqueConstraint(
                fields=("hook", "event"), name="hook_delivery_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="noticeversion",
            constraint=models.UniqueConstraint(
                fields=("notice", "version"), name="notice_version_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="noticeversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("approved_by", None),
                    models.Q(("approved_by", models.F("written_by")), _negated=True),
                    _connector="OR",
                ),
                name="notice_second_person",
            ),
        ),
        migrations.AddConstraint(
            model_name="protected",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None)),
                fields=("kind", "value"),
                name="protected_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="protected",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("value", ""), _negated=True), models.Q(("reason", ""), _negated=True)
                ),
                name="protected_has_value_and_reason",
            ),
        ),
        migrations.AddIndex(
            model_name="standingauthorisation",
            index=models.Index(
                condition=models.Q(("state", "standing")),
                fields=["operator"],
                name="authorisation_standing",
            ),
        ),
        migrations.AddConstraint(
            model_name="standingauthorisation",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["limit", "verify"])),
                name="authorisation_never_suspends",
            ),
        ),
        migrations.AddConstraint(
            model_name="standingauthorisation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("reviewed_by", None),
                    models.Q(("reviewed_by", models.F("proposed_by")), _negated=True),
                    _connector="OR",
                ),
                name="authorisation_second_person",
            ),
        ),
        migrations.AddConstraint(
            model_name="standingauthorisation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "standing"), _negated=True),
                    ("reviewed_by__isnull", False),
                    _connector="OR",
                ),
                name="authorisation_stands_approved",
            ),
        ),
        migrations.AddConstraint(
            model_name="standingauthorisation",
            constraint=models.CheckConstraint(
                condition=models.Q(("used__lte", models.F("most_accounts"))),
                name="authorisation_head_count",
            ),
        ),
        migrations.AddConstraint(
            model_name="standingauthorisation",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__gt", models.F("proposed_at"))),
                name="authorisation_ends_later",
            ),
        ),
    ]
