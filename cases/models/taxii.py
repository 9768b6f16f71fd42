import uuid

from django.db import models
from django.db.models import Q

from .case import Case
from .partner import Partner
from .sharing import Share


class Collection(models.Model):
    """A TAXII collection of one partner: what it reads under one label, or what it sends us."""

    class Way(models.TextChoices):
        OUT = "out", "for the partner to read"
        IN = "in", "for the partner to send to"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="collections")
    way = models.CharField(max_length=3, choices=Way.choices)
    tlp = models.CharField(
        max_length=12, choices=Case.TLP.choices, blank=True, default="", help_text="of way out"
    )
    newest_at = models.DateTimeField(
        null=True, help_text="when the newest object came in; the row's lock orders the next ones"
    )

    class Meta:
        constraints = [
            # one of a kind; read when something is put out
            models.UniqueConstraint(fields=["partner", "way", "tlp"], name="collection_one"),
            models.CheckConstraint(
                condition=Q(way="in", tlp="") | (Q(way="out") & ~Q(tlp="")),
                name="collection_out_has_label",
            ),
        ]

    def __str__(self):
        return f"{self.partner_id} {self.way} {self.tlp}".strip()


class SharedObject(models.Model):
    """One version of a STIX object in a collection, kept letter by letter as it came."""

    collection = models.ForeignKey(
        Collection, on_delete=models.PROTECT, related_name="kept", db_index=False
    )
    stix_id = models.CharField(max_length=140, db_collation="C")
    type = models.CharField(max_length=100, db_collation="C")
    version = models.DateTimeField(help_text="modified, else created, else when it came in")
    added_at = models.DateTimeField(help_text="by our clock; never twice in a collection")
    is_first = models.BooleanField(default=True, help_text="of the versions that stand")
    is_last = models.BooleanField(default=True, help_text="of the versions that stand")
    body = models.TextField()
    sha256 = models.CharField(max_length=64)
    removed_at = models.DateTimeField(null=True, help_text="by the partner; kept as evidence")
    read_at = models.DateTimeField(
        null=True, help_text="way in: when it was held against what we see"
    )

    class Meta:
        constraints = [
            # stored once per id and version
            models.UniqueConstraint(
                fields=["collection", "stix_id", "version"],
                condition=Q(removed_at=None),
                name="object_version_once",
            ),
        ]
        indexes = [
            # pages of all versions, by receipt
            models.Index(
                fields=["collection", "added_at"],
                condition=Q(removed_at=None),
                name="object_by_receipt",
            ),
            # pages of newest versions: what a client asks for unless it says more
            models.Index(
                fields=["collection", "added_at"],
                condition=Q(removed_at=None, is_last=True),
                name="object_newest_by_receipt",
            ),
            # pages of one type
            models.Index(
                fields=["collection", "type", "added_at"],
                condition=Q(removed_at=None),
                name="object_by_type",
            ),
            # the sweep that reads what came in
            models.Index(
                fields=["id"], condition=Q(read_at=None, removed_at=None), name="object_unread"
            ),
        ]


class Submission(models.Model):
    """What a partner sent in one go, in quarantine until each object was checked."""

    class Door(models.TextChoices):
        POSTED = "posted", "sent to us"
        POLLED = "polled", "fetched by us"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="submissions")
    door = models.CharField(max_length=6, choices=Door.choices)
    received_at = models.DateTimeField(auto_now_add=True)
    total = models.PositiveIntegerField()
    stored = models.PositiveIntegerField(default=0, help_text="repeated ones among them")
    refused = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # the sweep, oldest first
            models.Index(
                fields=["received_at"], condition=Q(finished_at=None), name="submission_waiting"
            ),
        ]

    @property
    def waiting(self) -> int:
        return self.total - self.stored - self.refused


class SubmissionItem(models.Model):
    """One object of a submission and what became of it."""

    class State(models.TextChoices):
        WAITING = "waiting"
        STORED = "stored"
        REPEATED = "repeated"
        REFUSED = "refused"

    submission = models.ForeignKey(
        Submission, on_delete=models.CASCADE, related_name="items", db_index=False
    )
    place = models.PositiveIntegerField(help_text="from 0, in the envelope")
    stix_id = models.CharField(max_length=140, blank=True, default="", db_collation="C")
    version = models.CharField(max_length=40, blank=True, default="")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    reason = models.CharField(max_length=1000, blank=True, default="")
    body = models.BinaryField(help_text="as it came; empty once stored")

    class Meta:
        constraints = [
            # read in order by the status resource
            models.UniqueConstraint(fields=["submission", "place"], name="submission_item_place"),
        ]
        indexes = [
            # the next piece to be checked
            models.Index(
                fields=["submission", "place"],
                condition=Q(state="waiting"),
                name="submission_item_waiting",
            ),
        ]


class Feed(models.Model):
    """A collection on a partner's server: how far we have read it."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="feeds")
    remote_id = models.CharField(max_length=100, db_collation="C")
    title = models.CharField(max_length=200, blank=True, default="")
    can_read = models.BooleanField(default=False)
    can_write = models.BooleanField(default=False)
    read_until = models.CharField(
        max_length=40, blank=True, default="", help_text="date_added of the last object kept"
    )
    following = models.CharField(
        max_length=500, blank=True, default="", help_text="`next` of a page that was kept"
    )
    due_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True, help_text="when it last answered")
    failures = models.PositiveIntegerField(default=0, help_text="in a row")
    problem = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partner", "remote_id"], name="feed_one"),
        ]


class Push(models.Model):
    """Objects on their way to a partner's server: sent at least once, until it says what it did."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting to be sent"
        SENT = "sent", "taken, not yet gone through"
        DONE = "done", "done"
        FAILED = "failed", "refused by the partner"

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="pushes")
    share = models.ForeignKey(Share, null=True, on_delete=models.PROTECT, related_name="pushes")
    body = models.TextField(help_text="the envelope exactly as it is sent")
    objects_count = models.PositiveIntegerField()
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    remote_status = models.CharField(max_length=100, blank=True, default="")
    accepted = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0, help_text="in a row")
    due_at = models.DateTimeField(auto_now_add=True)
    problem = models.CharField(max_length=300, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # the sweep: what is due
            models.Index(
                fields=["due_at"],
                condition=Q(state__in=["waiting", "sent"]),
                name="push_due",
            ),
        ]
