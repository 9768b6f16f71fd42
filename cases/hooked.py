"""Which events are told outside, and what of them. Pure.

Texts that people wrote stay in the house, names of accounts too; a restricted case is not named.
"""

from collections.abc import Mapping
from datetime import datetime

HOOKED = frozenset(
    f"{of}_{what}"
    for of, whats in {
        "enforcement": (
            "requested", "changed", "approved", "refused", "cancelled", "expired", "staged",
            "paused", "resumed", "finished", "lapsed", "renewed",
        ),
        "appeal": ("filed", "taken", "decided"),
        "authorisation": ("proposed", "approved", "refused", "ended"),
        "renewal": ("asked",),
        "platform": ("drifted",),
    }.items()
    for what in whats
)  # fmt: skip
TOLD = (
    "order", "kind", "accounts", "of", "skipped", "in_flight", "items", "stage", "back", "until",
    "appeal", "outcome", "others", "authorisation", "hash", "alone",
)  # fmt: skip


def hook_body(kind: str, at: datetime, case: str, content: Mapping) -> dict:
    """The body that leaves. case: its ref, or "" where it must not be named."""
    noun, _, verb = kind.partition("_")
    noun = {"enforcement": "order", "platform": "platform"}.get(noun, noun)
    data = {name: content[name] for name in TOLD if name in content}
    if case:
        data["case"] = case
    return {"type": f"{noun}.{verb}", "timestamp": at.isoformat(), "data": data}
