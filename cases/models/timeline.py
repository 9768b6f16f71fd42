from django.conf import settings
from django.db import models

from .case import Case


class TimelineEvent(models.Model):
    """Something that happened to a case, written once and hash-chained.

    hash = SHA-256(previous hash ‖ seq ‖ kind ‖ at ‖ actor ‖ content digest), where the content
    digest is SHA-256(salt ‖ canonical content). Content and salt have a row of their own, so that
    they can be erased while the chain stays valid. Triggers refuse UPDATE, DELETE and TRUNCATE.
    """

    class Kind(models.TextChoices):
        CASE_OPENED = "case_opened"
        MEMBERS_CHANGED = "members_changed"
        CASE_CLAIMED = "case_claimed"
        CASE_RELEASED = "case_released"
        CASE_SNOOZED = "case_snoozed"
        CASE_WOKEN = "case_woken"
        CASE_ESCALATED = "case_escalated"
        CASE_REOPENED = "case_reopened"
        CASE_CLOSED = "case_closed"
        DECISION_RECORDED = "decision_recorded"
        MEMBER_JUDGED = "member_judged"
        VERDICT_UNDONE = "verdict_undone"
        CASE_SPLIT = "case_split"
        SPLIT_UNDONE = "split_undone"
        CASES_MERGED = "cases_merged"
        MERGE_UNDONE = "merge_undone"
        MERGE_PROPOSED = "merge_proposed"
        MERGE_DECLINED = "merge_declined"
        DECLINE_UNDONE = "decline_undone"
        CASE_GREW = "case_grew"
        WAVE_OPENED = "wave_opened"
        OPERATOR_LINKED = "operator_linked"
        OPERATOR_UNLINKED = "operator_unlinked"
        NOTE_ADDED = "note_added"
        CONTENT_REVEALED = "content_revealed"
        ENFORCEMENT_REQUESTED = "enforcement_requested"
        ENFORCEMENT_APPROVED = "enforcement_approved"
        ENFORCEMENT_REFUSED = "enforcement_refused"
        ENFORCEMENT_CANCELLED = "enforcement_cancelled"
        ENFORCEMENT_FINISHED = "enforcement_finished"
        ENFORCEMENT_CHANGED = "enforcement_changed"
        ENFORCEMENT_PAUSED = "enforcement_paused"
        ENFORCEMENT_RESUMED = "enforcement_resumed"
        ENFORCEMENT_STAGED = "enforcement_staged"
        ENFORCEMENT_EXPIRED = "enforcement_expired"
        ENFORCEMENT_LAPSED = "enforcement_lapsed"
        ENFORCEMENT_RENEWED = "enforcement_renewed"
        RENEWAL_ASKED = "renewal_asked"
        CUSTOMERS_CONTACTED = "customers_contacted"
        APPEAL_FILED = "appeal_filed"
        APPEAL_TAKEN = "appeal_taken"
        APPEAL_DECIDED = "appeal_decided"
        AUTHORISATION_PROPOSED = "authorisation_proposed"
        AUTHORISATION_APPROVED = "authorisation_approved"
        AUTHORISATION_REFUSED = "authorisation_refused"
        AUTHORISATION_ENDED = "authorisation_ended"
        PLATFORM_DRIFTED = "platform_drifted"
        SHARE_PREPARED = "share_prepared"
        SHARE_APPROVED = "share_approved"
        SHARE_REFUSED = "share_refused"
        SHARE_DOWNLOADED = "share_downloaded"
        SHARE_RECALLED = "share_recalled"
        SHARE_EXPIRED = "share_expired"
        PACKET_REQUESTED = "packet_requested"
        PACKET_SEALED = "packet_sealed"
        PACKET_DOWNLOADED = "packet_downloaded"
        WATERMARK_FOUND = "watermark_found"
        SIGNALS_WITHDRAWN = "signals_withdrawn"
        SIGNALS_RESTORED = "signals_restored"
        SAMPLE_DRAWN = "sample_drawn"
        SAMPLE_FINISHED = "sample_finished"
        SAMPLE_CANCELLED = "sample_cancelled"
        READING_ASSIGNED = "reading_assigned"
        READING_FINISHED = "reading_finished"
        MATCH_ASKED = "match_asked"
        MATCH_COUNTED = "match_counted"
        MATCH_NAMES_WANTED = "match_names_wanted"
        MATCH_NAMED = "match_named"
        POOL_TEST_REQUESTED = "pool_test_requested"
        POOL_TESTED = "pool_tested"

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="events", db_index=False)
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=24, choices=Kind.choices)
    at = models.DateTimeField()
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="null: the desk itself",
    )
    content_digest = models.CharField(max_length=64)
    previous_hash = models.CharField(max_length=64, blank=True, default="")
    hash = models.CharField(max_length=64)

    class Meta:
        ordering = ["case_id", "seq"]
        constraints = [
            # the chain: one event a place; read by the timeline, paged by key
            models.UniqueConstraint(fields=["case", "seq"], name="event_case_seq_unique"),
        ]


class EventContent(models.Model):
    """What an event says. Erasure deletes this row and appends a redaction."""

    event = models.OneToOneField(
        TimelineEvent, primary_key=True, on_delete=models.PROTECT, related_name="content"
    )
    salt = models.BinaryField(max_length=32)
    body = models.JSONField()
