from .allow import AllowEntry
from .appeal import Appeal
from .authorisation import StandingAuthorisation
from .calibration import Activation, Calibration
from .case import Case, Operator
from .connector import Connector, Exchange
from .constraint import (
    Constraint,
    ConstraintAccount,
    MergeProposal,
    ReshapedMember,
    Reshaping,
)
from .decision import Decision
from .enforcement import Enforcement, EnforcementItem
from .evidence import EvidencePacket
from .finding import WatermarkFinding
from .grouping import FrozenPrevalence, GroupingRun, LookedAt, SearchedBy
from .hook import EventHook, HookDelivery
from .label import LabelDraw, LabelProbe, LabelStratum
from .matching import MatchKey, MatchPeer, MatchSession
from .member import Link, Member
from .note import Note
from .notice import Notice, NoticeVersion
from .partner import Partner, PartnerExchange
from .pool import PoolTest
from .protected import Protected
from .regroup import GroupingTerms, PreviewCase, PreviewMember, RegroupPreview, Reliance
from .sample import Reading, Sample, SampleAnswer, SampleItem, SampleStratum
from .sharing import Share
from .signing import SigningKey
from .taxii import Collection, Feed, Push, SharedObject, Submission, SubmissionItem
from .timeline import EventContent, TimelineEvent
from .tip import Tip
from .wave import Aftermath

__all__ = [
    "Activation",
    "Aftermath",
    "AllowEntry",
    "Appeal",
    "Calibration",
    "Case",
    "Collection",
    "Connector",
    "Constraint",
    "ConstraintAccount",
    "Decision",
    "Enforcement",
    "EnforcementItem",
    "EventContent",
    "EventHook",
    "EvidencePacket",
    "Exchange",
    "Feed",
    "FrozenPrevalence",
    "GroupingRun",
    "GroupingTerms",
    "HookDelivery",
    "LabelDraw",
    "LabelProbe",
    "LabelStratum",
    "Link",
    "LookedAt",
    "MatchKey",
    "MatchPeer",
    "MatchSession",
    "Member",
    "MergeProposal",
    "Note",
    "Notice",
    "NoticeVersion",
    "Operator",
    "Partner",
    "PartnerExchange",
    "PoolTest",
    "PreviewCase",
    "PreviewMember",
    "Protected",
    "Push",
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
    "SharedObject",
    "SigningKey",
    "StandingAuthorisation",
    "Submission",
    "SubmissionItem",
    "TimelineEvent",
    "Tip",
    "WatermarkFinding",
]
