"""What detectors saw. Nothing here is a judgement: those live in cases."""

from .account import Account, ActivityHour
from .attribute import Attribute, AttributeUse, Census
from .context import ContextEvent
from .detector import Detector
from .job import Job
from .platform import AccountPart, PlatformReport
from .run import DetectorCost, DetectorRun
from .signal import Batch, Rejection, Signal
from .sweep import TemplateSlot
from .token import MachineToken
from .watermark import SuspectControl, SuspectResult, SuspectTest, SuspectText, WatermarkKey
from .withdrawal import Withdrawal

__all__ = [
    "Account",
    "AccountPart",
    "ActivityHour",
    "Attribute",
    "AttributeUse",
    "Batch",
    "Census",
    "ContextEvent",
    "Detector",
    "DetectorCost",
    "DetectorRun",
    "Job",
    "MachineToken",
    "PlatformReport",
    "Rejection",
    "Signal",
    "SuspectControl",
    "SuspectResult",
    "SuspectTest",
    "SuspectText",
    "TemplateSlot",
    "WatermarkKey",
    "Withdrawal",
]
