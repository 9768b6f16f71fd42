"""Our own fields in STIX 2.1: one property extension, and its definition (STIX 2.1 §7.3)."""

from collections.abc import Mapping

import stix2

# Ids that are the same in every bundle, ours or a partner's reading of it.
EXTENSION = "extension-definition--10c5e285-7aaf-4505-a8c2-1d5ff95410b4"
AUTHOR = "identity--c73f3438-c9ed-4aaa-968c-d759b7cd3abe"
SINCE = "2026-01-01T00:00:00.000Z"
SCHEMA = "https://github.com/stillwatch/stillwatch/blob/main/docs/partners.md#our-own-fields"


def definition(label) -> stix2.ExtensionDefinition:
    """The same for everybody, whoever sends it."""
    return stix2.ExtensionDefinition(
        id=EXTENSION,
        created=SINCE,
        modified=SINCE,
        created_by_ref=AUTHOR,
        name="Stillwatch campaign sharing",
        description="Where a finding comes from, how sure it is, and what was done.",
        schema=SCHEMA,
        version="1.0.0",
        extension_types=["property-extension"],
        object_marking_refs=[label],
    )


def extended(fields: Mapping) -> dict:
    """The value of an object's extensions property; empty fields are left out."""
    told = {name: value for name, value in fields.items() if value not in (None, "", [])}
    return {EXTENSION: {"extension_type": "property-extension"} | told}


def read_extension(one: Mapping) -> dict:
    """Our fields of an object that came from anybody; {} when it has none that can be read."""
    found = one.get("extensions")
    found = found.get(EXTENSION) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}
