"""A Disclosure as a STIX 2.1 bundle. Pure: no database."""

import hashlib
import hmac
import json
import uuid
from collections.abc import Iterable
from datetime import datetime

import stix2

from .disclosure import VALID, Disclosure
from .tlp import marking

# Ids that are the same in every bundle, ours or a partner's reading of it.
NAMESPACE = uuid.UUID("5c3f2c0e-7f0c-4a55-9a0e-3d1f6f2b8d11")
TECHNIQUE = "AML.T0024.002"
CHUNK = 500  # tokens in one pattern


def token(secret: bytes, kind: str, value: str) -> str:
    """HMAC-SHA256 in hex. Comparable only by who holds the secret of the share."""
    return hmac.new(secret, f"{kind}:{value}".encode(), hashlib.sha256).hexdigest()


def build_bundle(
    found: Disclosure,
    *,
    sender_name: str,
    tlp: str,
    bundle_id: str,
    secret: bytes,
    now: datetime,
    campaign: dict | None = None,
) -> str:
    """The bundle's JSON text as it leaves. now: rounded down to the hour before it goes out.

    campaign {id, created}: of an earlier share of the case, so that partners see a new version of
    the same campaign and not a second one.
    """
    now = now.replace(minute=0, second=0, microsecond=0)
    label = marking(tlp)
    sender = stix2.Identity(
        id=f"identity--{uuid.uuid5(NAMESPACE, sender_name)}",
        created="2026-01-01T00:00:00.000Z",
        modified="2026-01-01T00:00:00.000Z",
        name=sender_name,
        identity_class="organization",
        object_marking_refs=[label],
    )
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
    known = campaign or {"id": f"campaign--{uuid.uuid4()}", "created": now}
    subject = stix2.Campaign(
        **common | known,
        **seen,
        name=f"Distillation campaign {known['id'][10:18]}",
        description=_describe(found),
        objective="Extract a model's capability through its API",
        confidence=found.confidence,
    )
    technique = stix2.AttackPattern(
        id=f"attack-pattern--{uuid.uuid5(NAMESPACE, TECHNIQUE)}",
        **common | {"created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z"},
        name="Extract ML Model",
        external_references=[
            {
                "source_name": "mitre-atlas",
                "external_id": TECHNIQUE,
                "url": f"https://atlas.mitre.org/techniques/{TECHNIQUE}",
            }
        ],
    )
    indicators = [
        stix2.Indicator(
            **common,
            name=name,
            pattern=pattern,
            pattern_type="stix",
            indicator_types=["malicious-activity"],
            valid_from=now,
            valid_until=now + VALID,
            confidence=found.confidence,
        )
        for name, pattern in _patterns(found, secret)
    ]
    ties = [
        stix2.Relationship(subject, "uses", technique, **common),
        *(stix2.Relationship(one, "indicates", subject, **common) for one in indicators),
    ]
    told = [subject, technique, *indicators, *ties]
    if found.published:
        cover = stix2.Report(
            **common,
            name=subject.name,
            report_types=["campaign"],
            published=now,
            object_refs=told,
            confidence=found.confidence,
        )
    else:
        cover = stix2.Grouping(
            **common,
            name=subject.name,
            context="suspicious-activity",
            object_refs=told,
            confidence=found.confidence,
        )
    bundle = stix2.Bundle(label, sender, cover, *told, id=bundle_id)
    return bundle.serialize(pretty=True)


def campaign_of(bundle: str) -> dict | None:
    """{id, created} of the campaign in a bundle that we made."""
    for one in json.loads(bundle)["objects"]:
        if one["type"] == "campaign":
            return {"id": one["id"], "created": one["created"]}
    return None


def _describe(found: Disclosure) -> str:
    parts = [f"About {found.members_about:,} API accounts act as one."]
    if found.published:
        parts.append(f"Verdict of a person: {found.verdict.replace('_', ' ')}.")
    if found.actions:
        parts.append(f"Action taken: {', '.join(found.actions)}.")
    parts.append(
        "Account and payment tokens are HMAC-SHA256 under a secret of this share. "
        "A match is a reason to look, never to act by itself."
    )
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
