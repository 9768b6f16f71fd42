"""Small STIX 2.1 objects, ours, for the sharing tests."""

import uuid

AT = "2026-11-20T09:00:00.000Z"


def identity(number=1, *, modified=AT, **fields) -> dict:
    return {
        "type": "identity",
        "spec_version": "2.1",
        "id": f"identity--{uuid.UUID(int=number, version=4)}",
        "created": AT,
        "modified": modified,
        "name": f"Lab {number}",
        "identity_class": "organization",
    } | fields


def indicator(number=1, *, pattern=None, modified=AT, **fields) -> dict:
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid.UUID(int=number, version=4)}",
        "created": AT,
        "modified": modified,
        "name": f"Template {number}",
        "pattern": pattern or f"[artifact:hashes.'SHA-256' = '{number:064x}']",
        "pattern_type": "stix",
        "indicator_types": ["malicious-activity"],
        "valid_from": AT,
    } | fields


def domain(name="example.com") -> dict:
    """An observable: it has no version of its own."""
    namespace = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
    return {
        "type": "domain-name",
        "spec_version": "2.1",
        "id": f"domain-name--{uuid.uuid5(namespace, name)}",
        "value": name,
    }
