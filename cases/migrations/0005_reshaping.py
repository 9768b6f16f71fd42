import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Acts upon the shape of cases, what they bind grouping to, and what came after an action."""

    dependencies = [
        ("cases", "0004_queue_indexes"),
        ("ingest", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Aftermath",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "acted_at",
                    models.DateTimeField(
                        help_text="when its first account was read back as ordered"
                    ),
                ),
                ("accounts", models.PositiveIntegerField(help_text="that it took effect on")),
                (
                    "tokens_before",
                    models.BigIntegerField(
                        help_text="output tokens that they took before it; null: none recorded",
                        null=True,
                    ),
                ),
                (
                    "hours_missing",
                    models.PositiveIntegerField(default=0, help_text="of theirs, without tokens"),
                ),
                (
                    "first_signal_at",
                    models.DateTimeField(help_text="when the desk heard of one first", null=True),
                ),
                ("returned", models.JSONField(default=dict)),
                (
                    "successors",
                    models.PositiveIntegerField(default=0, help_text="accounts of the next waves"),
                ),
                ("as_of", models.DateTimeField()),
            ],
            options={
                "verbose_name_plural": "aftermaths",
            },
        ),
        migrations.CreateModel(
            name="Constraint",
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
                        choices=[("apart", "stay apart"), ("together", "stay together")],
                        max_length=8,
                    ),
                ),
                ("since", models.DateTimeField(auto_now_add=True)),
                ("lifted_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="ConstraintAccount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("side", models.CharField(choices=[("l", "Left"), ("r", "Right")], max_length=1)),
            ],
        ),
        migrations.CreateModel(
            name="MergeProposal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "reasons",
                    models.JSONField(default=dict, help_text="what ties them, as of the last run"),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "open"),
                            ("accepted", "accepted"),
                            ("declined", "declined"),
                        ],
                        default="open",
                        max_length=8,
                    ),
                ),
                ("proposed_at", models.DateTimeField(auto_now_add=True)),
                ("as_of", models.DateTimeField(help_text="of the reasons")),
                ("answered_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="ReshapedMember",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("before", models.CharField(blank=True, default="", max_length=6)),
                ("before_at", models.DateTimeField(null=True)),
                (
                    "shared",
                    models.BooleanField(
                        default=False,
                        help_text="merged: the account was a member of the survivor before",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Reshaping",
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
                        choices=[
                            ("judged", "Judged"),
                            ("split", "Split"),
                            ("merged", "Merged"),
                            ("declined", "Declined"),
                            ("linked", "Linked"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "verdict",
                    models.CharField(
                        blank=True,
                        choices=[("in", "In"), ("out", "Out"), ("unsure", "Unsure")],
                        default="",
                        help_text="judged",
                        max_length=6,
                    ),
                ),
                ("reason", models.CharField(blank=True, default="", max_length=500)),
                (
                    "before",
                    models.JSONField(
                        default=dict, help_text="fields of the case as they were, for undo"
                    ),
                ),
                ("done_at", models.DateTimeField(auto_now_add=True)),
                ("undone_at", models.DateTimeField(null=True)),
                (
                    "taken_at",
                    models.DateTimeField(
                        help_text="when a grouping run first used it; an undo empties it again",
                        null=True,
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="case",
            name="after_order",
            field=models.ForeignKey(
                blank=True,
                help_text="the action on the predecessor that this wave followed",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="waves",
                to="cases.enforcement",
            ),
        ),
        migrations.AddField(
            model_name="case",
            name="merges_proposed",
            field=models.PositiveIntegerField(
                default=0, help_text="open proposals to merge it with another case"
            ),
        ),
        migrations.AddField(
            model_name="case",
            name="predecessor",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="successors",
                to="cases.case",
            ),
        ),
        migrations.AddField(
            model_name="case",
            name="wave",
            field=models.PositiveIntegerField(
                blank=True, help_text="place among its operator's waves, from 1", null=True
            ),
        ),
        migrations.AddField(
            model_name="operator",
            name="created_by",
            field=models.ForeignKey(
                help_text="null: a wave was found after an action",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
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
                    ("share_prepared", "Share Prepared"),
                    ("share_approved", "Share Approved"),
                    ("share_refused", "Share Refused"),
                    ("share_downloaded", "Share Downloaded"),
                    ("packet_requested", "Packet Requested"),
                    ("packet_sealed", "Packet Sealed"),
                    ("packet_downloaded", "Packet Downloaded"),
                ],
                max_length=24,
            ),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                condition=models.Q(("merges_proposed__gt", 0)),
                fields=["-priority", "-id"],
                name="case_merge_proposed",
            ),
        ),
        migrations.AddField(
            model_name="aftermath",
            name="order",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="aftermath",
                to="cases.enforcement",
            ),
        ),
        migrations.AddField(
            model_name="constraint",
            name="left",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="cases.case"
            ),
        ),
        migrations.AddField(
            model_name="constraint",
            name="right",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="cases.case"
            ),
        ),
        migrations.AddField(
            model_name="constraintaccount",
            name="account",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ingest.account"
            ),
        ),
        migrations.AddField(
            model_name="constraintaccount",
            name="constraint",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="accounts",
                to="cases.constraint",
            ),
        ),
        migrations.AddField(
            model_name="mergeproposal",
            name="answered_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="mergeproposal",
            name="left",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="cases.case"
            ),
        ),
        migrations.AddField(
            model_name="mergeproposal",
            name="right",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="cases.case"
            ),
        ),
        migrations.AddField(
            model_name="reshapedmember",
            name="before_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="reshapedmember",
            name="member",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="reshaped",
                to="cases.member",
            ),
        ),
        migrations.AddField(
            model_name="reshaping",
            name="case",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="reshapings",
                to="cases.case",
            ),
        ),
        migrations.AddField(
            model_name="reshaping",
            name="done_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="reshaping",
            name="other",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="cases.case",
            ),
        ),
        migrations.AddField(
            model_name="reshaping",
            name="undone_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="reshapedmember",
            name="reshaping",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="members",
                to="cases.reshaping",
            ),
        ),
        migrations.AddField(
            model_name="mergeproposal",
            name="reshaping",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="proposals",
                to="cases.reshaping",
            ),
        ),
        migrations.AddField(
            model_name="constraint",
            name="reshaping",
            field=models.OneToOneField(
                help_text="null: the desk keeps two waves apart",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="constraint",
                to="cases.reshaping",
            ),
        ),
        migrations.AddIndex(
            model_name="aftermath",
            index=models.Index(fields=["as_of"], name="aftermath_as_of"),
        ),
        migrations.AddConstraint(
            model_name="constraintaccount",
            constraint=models.UniqueConstraint(
                fields=("constraint", "account"), name="constraint_account_unique"
            ),
        ),
        migrations.AddIndex(
            model_name="reshaping",
            index=models.Index(fields=["case", "-id"], name="reshaping_by_case"),
        ),
        migrations.AddIndex(
            model_name="reshaping",
            index=models.Index(fields=["other", "-id"], name="reshaping_by_other"),
        ),
        migrations.AddIndex(
            model_name="reshaping",
            index=models.Index(
                condition=models.Q(("taken_at", None)), fields=["id"], name="reshaping_not_taken"
            ),
        ),
        migrations.AddConstraint(
            model_name="reshaping",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("undone_at__isnull", True), ("undone_by__isnull", True)),
                    models.Q(("undone_at__isnull", False), ("undone_by__isnull", False)),
                    _connector="OR",
                ),
                name="reshaping_undone_by_somebody",
            ),
        ),
        migrations.AddConstraint(
            model_name="reshapedmember",
            constraint=models.UniqueConstraint(
                fields=("member", "reshaping"), name="reshaped_member_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="mergeproposal",
            constraint=models.CheckConstraint(
                condition=models.Q(("left__lt", models.F("right"))), name="merge_proposal_ordered"
            ),
        ),
        migrations.AddConstraint(
            model_name="mergeproposal",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "open")),
                fields=("left", "right"),
                name="merge_proposal_open_unique",
            ),
        ),
        migrations.AddIndex(
            model_name="constraint",
            index=models.Index(
                condition=models.Q(("lifted_at", None)), fields=["id"], name="constraint_standing"
            ),
        ),
        migrations.AddConstraint(
            model_name="constraint",
            constraint=models.CheckConstraint(
                condition=models.Q(("left", models.F("right")), _negated=True),
                name="constraint_two_cases",
            ),
        ),
    ]
