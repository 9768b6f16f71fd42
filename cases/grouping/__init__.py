"""Grouping: attribute uses and signals in, candidate campaigns with reasons out. No ORM."""

from .bridges import Bridge
from .clusters import METHOD, group
from .output import Cluster, Evidence, Grouping, Hub, Link, Member
from .question import Meeting
from .tables import Constraints, Facts, Previous

__all__ = [
    "METHOD", "Bridge", "Cluster", "Constraints", "Evidence", "Facts", "Grouping", "Hub", "Link",
    "Meeting", "Member", "Previous", "group",
]  # fmt: skip
