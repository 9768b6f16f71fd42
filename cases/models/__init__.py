from .case import Case, Operator
from .decision import Decision
from .enforcement import Connector, Enforcement, EnforcementItem
from .evidence import EvidencePacket
from .grouping import GroupingRun
from .member import Link, Member
from .note import Note
from .sharing import Share
from .timeline import EventContent, TimelineEvent

__all__ = [
    "Case",
    "Connector",
    "Decision",
    "Enforcement",
    "EnforcementItem",
    "EventContent",
    "EvidencePacket",
    "GroupingRun",
    "Link",
    "Member",
    "Note",
    "Operator",
    "Share",
    "TimelineEvent",
]
