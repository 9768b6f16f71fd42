"""Partners: set up, known at the door, and every exchange with them written down."""

import base64
import secrets
from collections.abc import Iterable
from urllib.parse import urlsplit

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from cases.crypto import derive, seal, unseal
from cases.errors import CaseError
from cases.models import Case, Collection, Partner, PartnerExchange
from ingest.models import Detector

SECRET = 32  # bytes
POLICY = (
    "name", "clearance", "may_send", "may_delete", "fields", "returns", "keep_days",
    "legal_basis", "match_kinds", "match_asks", "match_items", "enabled",
)  # fmt: skip


@transaction.atomic
def set_up_partner(
    slug: str, *, actor: User | None, name: str, secret: bytes | None = None, **policy
) -> Partner:
    """Make a partner. secret: the 32 bytes agreed with it; None: made here, to be handed over.

    policy: fields of Partner that POLICY names. Raises CaseError naming what does not hold.
    """
    secret = secrets.token_bytes(SECRET) if secret is None else secret
    if len(secret) != SECRET:
        raise CaseError(f"secret: must be {SECRET} bytes that both desks hold.")
    if Partner.objects.filter(slug=slug).exists():
        raise CaseError(f"slug: there is a partner {slug} already.")
    policy.setdefault("fields", Partner.Field.values)
    detector = Detector(slug=f"partner-{slug}"[:64], name=name, family=Detector.Family.PARTNER)
    partner = Partner(slug=slug, name=name, sealed_secret=seal(secret, purpose=_secret_of(slug)))
    _assign(partner, policy)
    _check(detector)
    detector.save(force_insert=True)
    partner.detector = detector
    _check(partner)
    partner.save(force_insert=True)
    open_collections(partner)
    record_exchange(partner, "here", "partner_set_up", actor=actor, detail=_policy_of(partner))
    return partner


@transaction.atomic
def change_policy(partner: Partner, *, actor: User | None, **policy) -> Partner:
    """Change what POLICY names; before and after are written down."""
    partner = Partner.objects.select_for_update().get(pk=partner.pk)
    before = _policy_of(partner)
    _assign(partner, policy)
    _check(partner)
    partner.save(update_fields=[*policy, "changed_at"])
    after = _policy_of(partner)
    changed = {name: [before[name], after[name]] for name in POLICY if before[name] != after[name]}
    record_exchange(partner, "here", "policy_changed", actor=actor, detail=changed)
    return partner


@transaction.atomic
def issue_credential(partner: Partner, *, actor: User | None) -> str:
    """A new token for the partner to show at our doors; the one before stops working at once."""
    partner = Partner.objects.select_for_update().get(pk=partner.pk)
    token = partner.issue_token()
    partner.save(update_fields=["token_digest", "token_prefix", "token_issued_at", "changed_at"])
    record_exchange(
        partner, "here", "credential_issued", actor=actor, detail={"prefix": partner.token_prefix}
    )
    return token


@transaction.atomic
def set_server(
    partner: Partner,
    *,
    actor: User | None,
    url: str,
    login: str,
    allowed_private_hosts: Iterable[str] = (),
) -> Partner:
    """Where the partner's own TAXII server is. url: of the API root; login: user:password.

    Plain http is only for a host that is listed in allowed_private_hosts. An empty url: none.
    """
    hosts = sorted({host.rstrip(".").lower() for host in allowed_private_hosts})
    if url:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        if not host or parts.scheme not in ("http", "https") or parts.username or parts.query:
            raise CaseError("url: must be https://host/root/, without user name or query.")
        if parts.scheme == "http" and host not in hosts:
            raise CaseError("url: must begin with https://, or its host be allowed by name.")
        user, colon, _ = login.partition(":")
        if not user or not colon:
            raise CaseError("login: must be user:password as the partner gave it.")
        url = url.rstrip("/") + "/"
    partner = Partner.objects.select_for_update().get(pk=partner.pk)
    partner.taxii_url = url
    partner.sealed_login = seal(login.encode(), purpose=_login_of(partner.slug)) if url else b""
    partner.allowed_private_hosts = hosts
    _check(partner)
    partner.save(update_fields=["taxii_url", "sealed_login", "allowed_private_hosts", "changed_at"])
    record_exchange(partner, "here", "server_set", actor=actor, detail={"url": url})
    return partner


@transaction.atomic
def start_epoch(partner: Partner, *, actor: User | None) -> Partner:
    """From now on tokens are others, so that what was sent before cannot be joined to them."""
    Partner.objects.filter(pk=partner.pk).update(
        epoch=F("epoch") + 1, epoch_started_at=timezone.now(), changed_at=timezone.now()
    )
    partner.refresh_from_db()
    record_exchange(partner, "here", "epoch_started", actor=actor, detail={"epoch": partner.epoch})
    return partner


def open_collections(partner: Partner) -> None:
    """One TAXII collection for what it sends, and one for each label that it may read."""
    rows = [Collection(partner=partner, way=Collection.Way.IN)]
    rows += [
        Collection(partner=partner, way=Collection.Way.OUT, tlp=label) for label in Case.TLP.values
    ]
    Collection.objects.bulk_create(rows, ignore_conflicts=True)


def partner_at_the_door(user_name: str, token: str) -> Partner | None:
    """Who shows these credentials. Unknown, wrong and disabled answer alike."""
    found = Partner.objects.filter(
        token_digest=Partner.digest(token), enabled=True, slug=user_name
    ).exclude(token_digest="")
    return found.first()


def pairwise_secret(partner: Partner) -> bytes:
    """The 32 bytes that both desks hold. Raises CannotOpen if their key is gone."""
    return unseal(partner.sealed_secret, purpose=_secret_of(partner.slug))


def token_key(partner: Partner, epoch: int | None = None) -> bytes:
    """32 bytes: the key of account and payment tokens in an epoch (the present one unless told)."""
    return derive(
        f"sharing tokens v1, epoch {epoch or partner.epoch}", key=pairwise_secret(partner)
    )


def login_header(partner: Partner) -> str:
    """What we show at the partner's server: the value of Authorization."""
    login = unseal(partner.sealed_login, purpose=_login_of(partner.slug))
    return f"Basic {base64.b64encode(login).decode()}"


def record_exchange(
    partner: Partner,
    way: str,
    kind: str,
    *,
    actor: User | None,
    objects: int = 0,
    sha256: str = "",
    detail: dict | None = None,
) -> PartnerExchange:
    """Write one exchange down, in the transaction of what it tells of."""
    return PartnerExchange.objects.create(
        partner=partner,
        way=PartnerExchange.Way(way),
        kind=kind,
        actor=actor,
        objects_count=objects,
        sha256=sha256,
        detail=detail or {},
    )


def _assign(partner: Partner, policy: dict) -> None:
    for name, value in policy.items():
        if name not in POLICY:
            raise CaseError(f"{name}: is not part of a partner's policy.")
        setattr(partner, name, value)


def _policy_of(partner: Partner) -> dict:
    return {name: getattr(partner, name) for name in POLICY}


def _check(row: Partner | Detector) -> None:
    try:
        row.full_clean()
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise CaseError(f"{field}: {messages[0]}") from None


def _secret_of(slug: str) -> str:
    return f"partner {slug}"


def _login_of(slug: str) -> str:
    return f"partner login {slug}"
