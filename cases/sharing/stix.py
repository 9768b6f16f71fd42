"""A Disclosure as a STIX 2.1 bundle. Pure: no database."""

import hashlib
import hmac
import json
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

import stix2

from .disclosure import VALID, Disclosure
from .extension import SINCE, definition, extended
from .stixcheck import moment
from .tlp import marking

TECHNIQUE = "AML.T0024.002"
TECHNIQUE_ID = "attack-pattern--0a48cb7a-090a-4158-96bc-81f73d5c99a5"
CHUNK = 500  # tokens in one pattern
ACCOUNTS = 2_000  # as objects of their own; the patterns hold all of them
LOOK = "Members of the campaign share it. A match is a reason to look."
HOW = (
    "Account and payment tokens are HMAC-SHA256 under {key}. Confidence is the probability of "
    "abuse in percent. A match is a reason to look, never to act by itself."
)


def token(secret: bytes, kind: str, value: str) -> str:
    """HMAC-SHA256 in hex. Comparable only by who holds the secret."""
    return hmac.new(secret, f"{kind}:{value}".encode(), hashlib.sha256).hexdigest()


def build_bundle(
    found: Disclosure,
    *,
    sender_name: str,
    tlp: str,
    bundle_id: str,
    secret: bytes,
    now: datetime,
    epoch: int | None = None,
    legal_basis: str = "",
    valid: timedelta = VALID,
    campaign: dict | None = None,
) -> str:
    """The bundle's JSON text as it leaves. now: rounded down to the hour before it goes out.

    epoch: of the pairwise secret that tokens are under; None: a secret of this share alone.
    campaign {id, created, modified}: of an earlier share of the case, so that partners see a new
    version of the same campaign and not a second one.
    """
    now = now.replace(minute=0, second=0, microsecond=0)
    label = marking(tlp)
    sender = identity_of(sender_name, label)
    common = {
        "created": now,
        "modified": now,
        "created_by_ref": sender,
        "object_marking_refs": [label],
    }
    seen = {
        name: day
        for name, day in (("first_seen", found.first_day), ("last_seen", found.last_day))
        if day
    }
    known = _version_after(campaign, now) or {"id": f"campaign--{uuid.uuid4()}", "created": now}
    root, hops = found.root or (known["id"], 0)
    own = {"origin_ref": sender.id, "root_ref": root, "hops": hops, "token_epoch": epoch}
    subject = stix2.Campaign(
        **common | known,
        **seen,
        name=f"Distillation campaign {known['id'][10:18]}",
        description=_describe(found),
        objective="Extract a model's capability through its API",
        confidence=found.confidence,
        extensions=extended(
            own
            | {
                "accounts_about": found.members_about or None,
                "verdict": found.verdict if found.published else None,
                "actions_taken": found.actions,
                "legal_basis": legal_basis,
                "expires_at": f"{now + valid:%Y-%m-%dT%H:00:00Z}",
            }
        ),
    )
    technique = stix2.AttackPattern(
        id=TECHNIQUE_ID,
        **common | {"created": SINCE, "modified": SINCE},
        name="Extract ML Model",
        external_references=[
            {
                "source_name": "mitre-atlas",
                "external_id": TECHNIQUE,
            }
        ],
    )
    indicators = [
        stix2.Indicator(
            **common,
            name=name,
            description=LOOK,
            pattern=pattern,
            pattern_type="stix",
            indicator_types=["malicious-activity"],
            valid_from=now,
            valid_until=now + valid,
            confidence=found.confidence,
            extensions=extended(own),
        )
        for name, pattern in _patterns(found, secret)
    ]
    accounts = [
        stix2.UserAccount(user_id=one, object_marking_refs=[label])
        for one in sorted(token(secret, "account", value) for value in found.accounts)[:ACCOUNTS]
    ]
    key = f"the pairwise secret, epoch {epoch}" if epoch else "a secret of this share"
    note = stix2.Note(
        **common,
        abstract="How to read this",
        content=HOW.format(key=key),
        object_refs=[subject],
    )
    sighting = stix2.Sighting(
        subject,
        **common,
        **seen,
        **({"count": found.members_about} if found.members_about else {}),
        where_sighted_refs=[sender],
        confidence=found.confidence,
    )
    ties = [
        stix2.Relationship(subject, "uses", technique, **common),
        *(stix2.Relationship(one, "indicates", subject, **common) for one in indicators),
    ]
    told = [subject, technique, *indicators, *accounts, *ties, sighting, note]
    cover = {"name": subject.name, "object_refs": told, "confidence": found.confidence}
    if found.published:
        made = stix2.Report(**common, **cover, report_types=["campaign"], published=now)
    else:
        made = stix2.Grouping(**common, **cover, context="suspicious-activity")
    bundle = stix2.Bundle(label, definition(label), sender, made, *told, id=bundle_id)
    return bundle.serialize(pretty=True)


def identity_of(name: str, label) -> stix2.Identity:
    """Who sends it: the same id wherever the same name is written."""
    digest = hashlib.sha256(b"stillwatch desk " + name.encode()).digest()
    return stix2.Identity(
        id=f"identity--{uuid.UUID(bytes=digest[:16], version=4)}",
        created=SINCE,
        modified=SINCE,
        name=name,
        identity_class="organization",
        object_marking_refs=[label],
    )


def campaign_of(bundle: str) -> dict | None:
    """{id, created, modified} of the campaign in a bundle that we made."""
    for one in json.loads(bundle)["objects"]:
        if one["type"] == "campaign":
            return {name: one[name] for name in ("id", "created", "modified")}
    return None


def revoked(one: dict, at: datetime) -> dict:
    """The object's next version, which takes it back (STIX 2.1 §3.6)."""
    before = moment(one["modified"])
    at = max(at, before + timedelta(milliseconds=1)) if before else at
    return one | {"revoked": True, "modified": at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"}


def _version_after(campaign: dict | None, now: datetime) -> dict | None:
    if campaign is None:
        return None
    before = moment(campaign.get("modified"))
    modified = max(now, before + timedelta(milliseconds=1)) if before else now
    return {"id": campaign["id"], "created": campaign["created"], "modified": modified}


def _describe(found: Disclosure) -> str:
    about = f"About {found.members_about:,}" if found.members_about else "Many"
    parts = [f"{about} API accounts act as one."]
    if found.published and found.verdict:
        parts.append(f"Verdict of a person: {found.verdict.replace('_', ' ')}.")
    if found.actions:
        parts.append(f"Action taken: {', '.join(found.actions)}.")
    return " ".join(parts)


def _patterns(found: Disclosure, secret: bytes) -> Iterable[tuple[str, str]]:
    for digest in found.templates:
        yield "Prompt template", f"[artifact:hashes.'SHA-256' = '{digest}']"
    # STIX has no object for a payment method; x- marks one of our own
    for kind, values, name, path in (
        ("account", found.accounts, "API accounts", "user-account:user_id"),
        ("payment", found.cards, "Payment methods", "x-payment-method:token"),
    ):
        tokens = sorted(token(secret, kind, value) for value in values)
        for start in range(0, len(tokens), CHUNK):
            listed = ", ".join(f"'{one}'" for one in tokens[start : start + CHUNK])
            yield name, f"[{path} IN ({listed})]"
