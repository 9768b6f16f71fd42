"""What a detector says about itself, read from its module (ingest/detectors/__init__.py)."""

from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType

from ingest.readers.columns import TYPES

DIGEST = "digest({})"  # how EXPORTS names a hash, a length or a yes/no of a column
DECLARED = ("SLUG", "NAME", "FAMILY", "VERSION", "NEEDS", "EXPORTS")
NOT_DECLARED = "it does not declare which columns leave the warehouse"


@dataclass(frozen=True)
class Declaration:
    """needs and exports are columns of the normal form; why_not_locked is empty for a detector that
    runs wholly in the warehouse."""

    slug: str
    name: str
    family: str
    version: str
    needs: tuple[str, ...]
    exports: frozenset[str]
    why_not_locked: str

    def lacks(self, not_recorded: Iterable[str]) -> list[str]:
        """What it needs and this log does not record: then it is *not tested*."""
        return sorted(set(self.needs) & set(not_recorded))


def declaration(module: ModuleType) -> Declaration:
    """What the module declares. One that says nothing about log-locked mode stays out of it."""
    exports = getattr(module, "EXPORTS", None)
    if not getattr(module, "LOCKED", exports is not None):
        why = getattr(module, "LOCKED_REASON", NOT_DECLARED)
    else:
        why = "" if exports is not None else NOT_DECLARED
    return Declaration(
        slug=module.SLUG,
        name=module.NAME,
        family=module.FAMILY,
        version=module.VERSION,
        needs=tuple(getattr(module, "NEEDS", ())),
        exports=frozenset(exports or ()),
        why_not_locked=why,
    )


def problems(module: ModuleType) -> list[str]:
    """What is missing or misspelt in a module's declarations, in words; empty when all is there."""
    found = [f"{name} is missing" for name in DECLARED if not hasattr(module, name)]
    known = set(TYPES) | {DIGEST.format(field) for field in TYPES}
    for name in ("NEEDS", "EXPORTS"):
        found += [f"{name}: no column {c}" for c in getattr(module, name, ()) if c not in known]
    if not getattr(module, "LOCKED", True) and not getattr(module, "LOCKED_REASON", ""):
        found.append("LOCKED is False without a LOCKED_REASON")
    if not callable(getattr(module, "detect", None)):
        found.append("detect is missing")
    return found
