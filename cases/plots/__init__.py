"""Figures of a case: rows in, Plotly figures out as plain dicts. Pure.

A figure is {"data", "layout", "say", "key", "points"}: `say` is the sentence of what to see, `key`
the legend as [{"token", "label"}], `points` how many marks it draws, never more than POINTS_MAX.
A colour is the name of a CSS token ("--s1"): the page knows the mode, the server does not.
"""

from .activity import Series, activity
from .backlog import WorkDay, backlog
from .heat import heat, in_order
from .layout import POINTS_MAX, Mark, Shade
from .reliability import Bin, reliability
from .sweep import sweep
from .waterfall import Waterfall, waterfall
from .week import DAYS, week

__all__ = [
    "DAYS",
    "POINTS_MAX",
    "Bin",
    "Mark",
    "Series",
    "Shade",
    "Waterfall",
    "WorkDay",
    "activity",
    "backlog",
    "heat",
    "in_order",
    "reliability",
    "sweep",
    "waterfall",
    "week",
]
