from .allow import AllowEntry
from .calibration import Activation, Calibration
from .case import Case, Operator
from .constraint import (
    Constraint,
    ConstraintAccount,
    MergeProposal,
    ReshapedMember,
    Reshaping,
)
from .decision import Decision
from .enforcement import Connector, Enforcement, EnforcementItem
from .evidence import EvidencePacket
from .finding import WatermarkFinding
from .grouping import FrozenPrevalence, GroupingRun, LookedAt, SearchedBy
from .label import LabelDraw, LabelProbe, LabelStratum
from .member import Link, Member
from .note import Note
from .regroup import GroupingTerms, PreviewCase, PreviewMember, RegroupPreview, Reliance
from .sample import Reading, Sample, SampleAnswer, SampleItem, SampleStratum
from .sharing import Share
from .signing import SigningKey
from .timeline import EventContent, TimelineEvent
from .wave import Aftermath

__all__ = [
    "Activation",
    "Aftermath",
    "AllowEntry",
    "Calibration",
    "Case",
    "Connector",
    "Constraint",
    "ConstraintAccount",
    "Decision",
    "Enforcement",
    "EnforcementItem",
    "EventContent",
    "EvidencePacket",
    "FrozenPrevalence",
    "GroupingRun",
    "GroupingTerms",
    "LabelDraw",
    "LabelProbe",
    "LabelStratum",
    "Link",
    "LookedAt",
    "Member",
    "MergeProposal",
    "Note",
    "Operator",
    "PreviewCase",
    "PreviewMember",
    "Reading",
    "RegroupPreview",
    "Reliance",
    "ReshapedMember",
    "Reshaping",
    "Sample",
    "SampleAnswer",
    "SampleItem",
    "SampleStratum",
    "SearchedBy",
    "Share",
    "SigningKey",
    "TimelineEvent",
    "WatermarkFinding",
]
