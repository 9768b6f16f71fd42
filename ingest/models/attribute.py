from django.db import models
from django.db.models import F, Q

from .account import BYTEWISE, Account


class Census(models.Model):
    """One counting of the whole population: within it N and every d(v) are frozen."""

    as_of = models.DateTimeField()
    window_start = models.DateTimeField()
    window_end = models.DateTimeField()
    accounts = models.PositiveIntegerField(help_text="N, flagged or not")
    organisations = models.PositiveIntegerField()
    source = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "censuses"
        get_latest_by = "pk"

    def __str__(self):
        return f"census {self.pk} of {self.accounts} accounts"


class Attribute(models.Model):
    """A typed value that accounts can share, with its prevalence in the whole population.

    Unknown prevalence (null) adds nothing to a tie; it is never estimated from flagged accounts.
    """

    class Kind(models.TextChoices):
        IP = "ip"
        IP_PREFIX = "ip_prefix"
        ASN = "asn"
        PAYMENT = "payment"
        EMAIL_DOMAIN = "email_domain"
        REGISTRATION = "registration"
        DEVICE = "device"
        USER_AGENT = "user_agent"
        TEMPLATE = "template"
        HARNESS = "harness"
        PARTNER_TOKEN = "partner_token"

    class Hub(models.TextChoices):
        """What brings strangers to a value, judged by how its users behave. A benign reading, and
        no acquittal of anybody; never a reason to flag."""

        NONE = "", "not marked"
        CARRIER = "carrier", "carrier or shared access"
        CAMPUS = "campus", "university, school or office"
        VPN = "vpn", "VPN or shared exit"
        CI = "ci", "shared build or program host"
        RESELLER = "reseller", "reseller or gift cards"
        PROVIDER = "provider", "public provider or common form"

    kind = models.CharField(max_length=16, choices=Kind.choices)
    value = models.CharField(max_length=500, db_collation=BYTEWISE)
    label = models.CharField(
        max_length=500, blank=True, default="", help_text="what a person reads, e.g. a template"
    )
    accounts = models.PositiveIntegerField(
        null=True, blank=True, help_text="d(v): accounts of the population that carry it"
    )
    organisations = models.PositiveIntegerField(null=True, blank=True)
    population = models.PositiveIntegerField(
        null=True, blank=True, help_text="N of the counting that gave d(v)"
    )
    census = models.ForeignKey(Census, null=True, blank=True, on_delete=models.PROTECT)
    hub = models.CharField(max_length=8, choices=Hub.choices, blank=True, default="", db_default="")

    class Meta:
        constraints = [
            # ingest finds an attribute by its value
            models.UniqueConstraint(fields=["kind", "value"], name="attribute_kind_value_unique"),
            models.CheckConstraint(
                condition=Q(accounts__isnull=True)
                | Q(population__isnull=False, accounts__lte=F("population")),
                name="attribute_prevalence_within_population",
            ),
        ]

    def __str__(self):
        return f"{self.kind}:{self.value}"


class AttributeUse(models.Model):
    """An account carried an attribute, from first to last."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="uses")
    attribute = models.ForeignKey(
        Attribute, on_delete=models.PROTECT, related_name="uses", db_index=False
    )
    first_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField(null=True)
    count = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            # grouping walks from an attribute to its accounts; ingest merges a repeated use
            models.UniqueConstraint(fields=["attribute", "account"], name="use_unique"),
        ]
