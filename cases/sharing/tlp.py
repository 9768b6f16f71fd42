"""TLP 2.0 (FIRST): marking definitions as STIX wants them, and which label is wider."""

from stix2 import MarkingDefinition

from cases.models import Case

ORDER = Case.TLP.values  # narrowest audience first
EXTENSION = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
MARKINGS = {
    "clear": "94868c89-83c2-464b-929b-a1a8aa3c8487",
    "green": "bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "amber": "55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    "amber+strict": "939a9414-2ddd-4d32-a0cd-375ea402b003",
    "red": "e828b379-4e03-4974-9ac4-e53a884c97c1",
}


def wider(label: str, than: str) -> bool:
    """Whether a label lets more people read than another does."""
    return ORDER.index(label) > ORDER.index(than)


def label_of(refs) -> str:
    """The label among an object's object_marking_refs; "" when it carries none of TLP 2.0."""
    if isinstance(refs, list):
        for label, marked in MARKINGS.items():
            if f"marking-definition--{marked}" in refs:
                return label
    return ""


def marking(label: str) -> MarkingDefinition:
    """The marking-definition object of a label, the same for everybody."""
    return MarkingDefinition(
        id=f"marking-definition--{MARKINGS[label]}",
        created="2022-10-01T00:00:00.000Z",
        name=f"TLP:{label.upper()}",
        extensions={EXTENSION: {"extension_type": "property-extension", "tlp_2_0": label}},
    )
