"""An approved STIX bundle as a MISP event. Pure.

It is made from the text that a second person approved, and from nothing else: whatever may not
leave is not in there, and what a bundle does not say a MISP event cannot say either.
"""

import json
import re
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime

# The object template that a user of MISP knows for accounts (misp-objects, user-account).
USER_ACCOUNT = {
    "name": "user-account",
    "meta-category": "misc",
    "template_uuid": "49606b06-22f0-4ac8-8eee-2f12ad46f3d3",
    "template_version": "6",
    "description": "A pseudonymous API account: a keyed token, no name",
}
NAMESPACE = uuid.UUID("3a1bb2d2-2f5c-4a53-9d5b-6a3c5a0f4f7e")
HEX = re.compile(r"[0-9a-f]{64}")
TESTED = re.compile(r"(artifact:hashes\.'SHA-256'|user-account:user_id|x-payment-method:token)")
MARKED = {
    "94868c89-83c2-464b-929b-a1a8aa3c8487": "tlp:clear",
    "bab4a63c-aed9-4cf5-a766-dfca5abac2bb": "tlp:green",
    "55d920b0-5e8b-4f79-9ee9-91f868d9b421": "tlp:amber",
    "939a9414-2ddd-4d32-a0cd-375ea402b003": "tlp:amber+strict",
    "e828b379-4e03-4974-9ac4-e53a884c97c1": "tlp:red",
}
ONGOING, COMPLETE = "1", "2"
MEDIUM = "2"  # threat level: nothing is claimed beyond the confidence that is stated
OWN_ORGANISATION = "0"  # distribution: the receiver's MISP passes it on to nobody by itself


class NoCampaign(ValueError):
    """The bundle tells of no campaign."""


def misp_event(bundle: str) -> str:
    """The event as JSON text, {"Event": …}. Its uuid is the campaign's, so that a later share of
    the case updates the event. Raises NoCampaign."""
    objects = json.loads(bundle)["objects"]
    campaign = next((one for one in objects if one["type"] == "campaign"), None)
    if campaign is None:
        raise NoCampaign("the bundle tells of no campaign")
    event_id = campaign["id"].partition("--")[2]
    cover = next((one for one in objects if one["type"] in ("report", "grouping")), campaign)
    sender = next((one for one in objects if one["type"] == "identity"), {})
    stamp = _epoch(cover["modified"])
    attributes = list(_attributes(objects, campaign, event_id, stamp))
    organisation = {
        "name": sender.get("name", "a Stillwatch desk"),
        "uuid": sender.get("id", campaign["id"]).partition("--")[2],
    }
    event = {
        "uuid": event_id,
        "info": campaign["name"],
        "date": campaign.get("first_seen", cover["created"])[:10],
        "timestamp": stamp,
        "threat_level_id": MEDIUM,
        "analysis": COMPLETE if cover["type"] == "report" else ONGOING,
        "distribution": OWN_ORGANISATION,
        "published": False,
        "Org": organisation,
        "Orgc": organisation,
        "Tag": [{"name": name} for name in _tags(objects, campaign)],
        "Attribute": attributes,
        "Object": list(_accounts(objects, event_id, stamp)),
    }
    return json.dumps({"Event": event}, indent=1, ensure_ascii=False)


def _tags(objects: list[dict], campaign: dict) -> Iterator[str]:
    for ref in campaign.get("object_marking_refs", []):
        if name := MARKED.get(ref.partition("--")[2]):
            yield name
    for one in objects:
        for reference in one.get("external_references", []):
            if reference.get("source_name") == "mitre-atlas" and "external_id" in reference:
                # as MISP's galaxy of MITRE ATLAS names its clusters
                yield (
                    f'misp-galaxy:mitre-atlas-attack-pattern="{one["name"]} - '
                    f'{reference["external_id"]}"'
                )


def _attributes(objects: list[dict], campaign: dict, event_id: str, stamp: str) -> Iterator[dict]:
    def one(kind: str, category: str, value: str, comment: str, *, to_ids: bool = False) -> dict:
        return {
            "uuid": _id(event_id, kind, value), "type": kind, "category": category, "value": value,
            "comment": comment, "to_ids": to_ids, "timestamp": stamp,
        }  # fmt: skip

    if campaign.get("description"):
        yield one("text", "Other", campaign["description"], "what is claimed")
    if "confidence" in campaign:
        yield one("text", "Other", f"confidence {campaign['confidence']} of 100", "P(abuse)")
    for field in ("first_seen", "last_seen"):
        if field in campaign:
            yield one("datetime", "Other", campaign[field], field.replace("_", " ") + ", whole day")
    for entry in objects:
        for reference in entry.get("external_references", []):
            if str(reference.get("url", "")).startswith("https://"):
                yield one("link", "External analysis", reference["url"], entry.get("name", ""))
    for path, value in _tested(objects):
        if path.startswith("artifact:"):
            yield one(
                "sha256", "Payload delivery", value, "SHA-256 of a prompt template", to_ids=True
            )
        elif path.startswith("x-payment"):
            yield one("other", "Financial fraud", value, "keyed token of a means of payment")


def _accounts(objects: list[dict], event_id: str, stamp: str) -> Iterator[dict]:
    for path, value in _tested(objects):
        if not path.startswith("user-account"):
            continue
        fields = (("user-id", value), ("account-type", "AI model API, pseudonymous"))
        yield USER_ACCOUNT | {
            "uuid": _id(event_id, "user-account", value),
            "timestamp": stamp,
            "Attribute": [
                {
                    "uuid": _id(event_id, name, value), "type": "text", "category": "Other",
                    "object_relation": name, "value": text, "to_ids": False, "timestamp": stamp,
                    "disable_correlation": name != "user-id",
                }
                for name, text in fields
            ],
        }  # fmt: skip


def _tested(objects: Iterable[dict]) -> Iterator[tuple[str, str]]:
    """(path, token or hash) of all indicators, each once."""
    found: dict[tuple[str, str], None] = {}
    for one in objects:
        if one["type"] != "indicator" or one.get("pattern_type") != "stix":
            continue
        path = TESTED.search(one["pattern"])
        if path:
            found |= {(path[1], value): None for value in HEX.findall(one["pattern"])}
    yield from found


def _id(event_id: str, kind: str, value: str) -> str:
    return str(uuid.uuid5(NAMESPACE, f"{event_id}|{kind}|{value}"))


def _epoch(moment: str) -> str:
    return str(int(datetime.fromisoformat(moment).timestamp()))
