"""The allow-list: what takes no part in grouping, who answers for it, and until when."""

import ipaddress
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from cases.errors import CaseError
from cases.models import AllowEntry
from ingest.models import Attribute

LONGEST = timedelta(days=366)
WIDEST = {4: 16, 6: 32}  # a network wider than that is half a country
Kind = AllowEntry.Kind


@transaction.atomic
def propose_entry(
    *,
    actor: User,
    kind: str,
    value: str,
    owner: User,
    reason: str,
    expires_at: datetime,
    attribute_kind: str = "",
) -> AllowEntry:
    """Name what should take no part in grouping. It still does, until the entry is added.

    value: an account's id, an organisation, or an attribute's value with its attribute_kind, all
    as the platform writes them. Raises CaseError, naming the field.
    """
    now = timezone.now()
    reason = reason.replace("\0", "").strip()
    if kind not in Kind.values:
        raise CaseError("Kind: account, organisation or attribute.")
    if (kind == Kind.ATTRIBUTE) != bool(attribute_kind):
        raise CaseError("Attribute: name its kind, and name none for an account or organisation.")
    if attribute_kind and attribute_kind not in Attribute.Kind.values:
        raise CaseError("Attribute: that kind is not known.")
    if not value or "\0" in value or len(value) > 500:
        raise CaseError("Value: from 1 to 500 characters, without null bytes.")
    if attribute_kind in ("ip", "ip_prefix"):
        value = _address(attribute_kind, value)
    if not reason or len(reason) > 500:
        raise CaseError("Reason: say in at most 500 characters why this is harmless.")
    if not owner.is_active:
        raise CaseError("Owner: that person's login is disabled. Name somebody who answers for it.")
    if expires_at <= now:
        raise CaseError("Expiry: it must lie ahead.")
    if expires_at > now + LONGEST:
        raise CaseError(f"Expiry: at most {LONGEST.days} days ahead. Add it anew after that.")
    return AllowEntry.objects.create(
        kind=kind, attribute_kind=attribute_kind, value=value, reason=reason, owner=owner,
        expires_at=expires_at, proposed_by=actor,
    )  # fmt: skip


@transaction.atomic
def add_entry(entry: AllowEntry, *, actor: User) -> bool:
    """It holds from the next grouping run on. False when it was added before, or has expired."""
    now = timezone.now()
    return bool(
        AllowEntry.objects.filter(pk=entry.pk, added_at=None, expires_at__gt=now).update(
            added_at=now, added_by=actor
        )
    )


@transaction.atomic
def end_entry(entry: AllowEntry, *, actor: User, reason: str) -> bool:
    """What it hid takes part again from the next run on. False when it does not stand."""
    return bool(
        AllowEntry.objects.standing()
        .filter(pk=entry.pk)
        .update(ended_at=timezone.now(), ended_by=actor, end_reason=reason[:500])
    )


def _address(kind: str, value: str) -> str:
    """The address or network as it is stored. Raises CaseError for what is none."""
    try:
        if kind == "ip":
            ipaddress.ip_address(value)
            return value
        network = ipaddress.ip_network(value, strict=True)
    except ValueError as error:
        raise CaseError(f"Value: not an address or network ({str(error)[:120]}).") from None
    if network.prefixlen < WIDEST[network.version]:
        raise CaseError(
            f"Value: a network of /{network.prefixlen} would hide too many. At widest "
            f"/{WIDEST[4]} (IPv4) or /{WIDEST[6]} (IPv6)."
        )
    return value
