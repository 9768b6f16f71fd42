"""The marks of values that bring strangers together, from all that look at them."""

import ibis.expr.types as ir

from ingest.detectors import network, payment, registration
from ingest.detectors.values import behaviour


def hub_marks(requests: ir.Table, uses: ir.Table) -> dict[tuple[str, str], str]:
    """(kind, value) → mark (Attribute.Hub), of values whose users behave like one. Empty for a log
    that does not record when accounts were opened: a hub's users are old customers."""
    values = behaviour(requests, uses)
    found = {}
    for reader in (network, payment, registration):
        marks = reader.marks(values)
        marked = values[marks != ""]
        found |= dict(zip(zip(marked.kind, marked.value, strict=True), marks[marks != ""],
                          strict=True))  # fmt: skip
    return found
