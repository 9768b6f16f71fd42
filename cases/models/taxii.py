import uuid

from django.db import models
from django.db.models import Q

from .case import Case
from .partner import Partner


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
