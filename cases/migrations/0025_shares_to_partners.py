import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0024_tips"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Feed",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("remote_id", models.CharField(db_collation="C", max_length=100)),
                ("title", models.CharField(blank=True, default="", max_length=200)),
                ("can_read", models.BooleanField(default=False)),
                ("can_write", models.BooleanField(default=False)),
                (
                    "read_until",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="date_added of the last object kept",
                        max_length=40,
                    ),
                ),
                (
                    "following",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="`next` of a page that was kept",
                        max_length=500,
                    ),
                ),
                ("due_at", models.DateTimeField(auto_now_add=True)),
                ("read_at", models.DateTimeField(help_text="when it last answered", null=True)),
                ("failures", models.PositiveIntegerField(default=0, help_text="in a row")),
                ("problem", models.CharField(blank=True, default="", max_length=300)),
            ],
        ),
        migrations.CreateModel(
            name="Push",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("body", models.TextField(help_text="the envelope exactly as it is sent")),
                ("objects_count", models.PositiveIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting to be sent"),
                            ("sent", "taken, not yet gone through"),
                            ("done", "done"),
                            ("failed", "refused by the partner"),
                        ],
                        default="waiting",
                        max_length=7,
                    ),
                ),
                ("remote_status", models.CharField(blank=True, default="", max_length=100)),
                ("accepted", models.PositiveIntegerField(default=0)),
                ("refused", models.PositiveIntegerField(default=0)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("due_at", models.DateTimeField(auto_now_add=True)),
                ("problem", models.CharField(blank=True, default="", max_length=300)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("finished_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name="share",
            name="end_reason",
            field=models.CharField(blank=True, default="", max_length=300),
        ),
        migrations.AddField(
            model_name="share",
            name="ended_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="share",
            name="ended_by",
            field=models.ForeignKey(
                help_text="who recalled it; null: the desk",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="share",
            name="epoch",
            field=models.PositiveIntegerField(help_text="of the partner's tokens in it", null=True),
        ),
        migrations.AddField(
            model_name="share",
            name="expires_at",
            field=models.DateTimeField(help_text="then it is taken back by itself", null=True),
        ),
        migrations.AddField(
            model_name="share",
            name="legal_basis",
            field=models.CharField(blank=True, default="", max_length=300),
        ),
        migrations.AddField(
            model_name="share",
            name="partner",
            field=models.ForeignKey(
                help_text="null: a file that a person hands over",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="shares",
                to="cases.partner",
            ),
        ),
        migrations.AlterField(
            model_name="partner",
            name="fields",
            field=django.contrib.postgres.fields.ArrayField(
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
                blank=True,
                default=list,
                size=None,
            ),
        ),
        migrations.AlterField(
            model_name="share",
            name="state",
            field=models.CharField(
                choices=[
                    ("prepared", "waiting for approval"),
                    ("approved", "approved"),
                    ("refused", "refused"),
                    ("recalled", "recalled"),
                    ("expired", "expired"),
                ],
                default="prepared",
                max_length=8,
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
                    ("enforcement_changed", "Enforcement Changed"),
                    ("enforcement_paused", "Enforcement Paused"),
                    ("enforcement_resumed", "Enforcement Resumed"),
                    ("enforcement_staged", "Enforcement Staged"),
                    ("enforcement_expired", "Enforcement Expired"),
                    ("enforcement_lapsed", "Enforcement Lapsed"),
                    ("enforcement_renewed", "Enforcement Renewed"),
                    ("renewal_asked", "Renewal Asked"),
                    ("customers_contacted", "Customers Contacted"),
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
                    ("share_recalled", "Share Recalled"),
                    ("share_expired", "Share Expired"),
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
                    ("match_asked", "Match Asked"),
                    ("match_counted", "Match Counted"),
                    ("match_names_wanted", "Match Names Wanted"),
                    ("match_named", "Match Named"),
                    ("pool_test_requested", "Pool Test Requested"),
                    ("pool_tested", "Pool Tested"),
                ],
                max_length=24,
            ),
        ),
        migrations.AddIndex(
            model_name="share",
            index=models.Index(
                condition=models.Q(("state", "approved")),
                fields=["expires_at"],
                name="share_standing",
            ),
        ),
        migrations.AddField(
            model_name="feed",
            name="partner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="feeds",
                to="cases.partner",
            ),
        ),
        migrations.AddField(
            model_name="push",
            name="partner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="pushes",
                to="cases.partner",
            ),
        ),
        migrations.AddField(
            model_name="push",
            name="share",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="pushes",
                to="cases.share",
            ),
        ),
        migrations.AddConstraint(
            model_name="feed",
            constraint=models.UniqueConstraint(fields=("partner", "remote_id"), name="feed_one"),
        ),
        migrations.AddIndex(
            model_name="push",
            index=models.Index(
                condition=models.Q(("state__in", ["waiting", "sent"])),
                fields=["due_at"],
                name="push_due",
            ),
        ),
    ]
