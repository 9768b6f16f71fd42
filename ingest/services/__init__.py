"""The only writer of what detectors saw."""

from ingest.services.accounts import record_account_state, record_activity
from ingest.services.population import AttributeCount, PopulationUse, record_population
from ingest.services.replay import Replay, replay_rejections, waiting_rejections
from ingest.services.signals import Problem, Receipt, record_signals

__all__ = [
    "AttributeCount",
    "PopulationUse",
    "Problem",
    "Receipt",
    "Replay",
    "record_account_state",
    "record_activity",
    "record_population",
    "record_signals",
    "replay_rejections",
    "waiting_rejections",
]
