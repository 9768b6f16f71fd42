"""Keyed watermarks that survive distillation: embedding, and exact tests. Pure: no ORM, no network.

docs/watermarks.md has the formulas, the null laws and what a positive result proves.
"""

from .exact import Score, score, score_steps
from .multiple import holm
from .processor import WatermarkProcessor
from .schemes import GreenList, Gumbel, Scheme, scheme_from
from .windows import unique_rows, windows

__all__ = [
    "GreenList",
    "Gumbel",
    "Scheme",
    "Score",
    "WatermarkProcessor",
    "holm",
    "scheme_from",
    "score",
    "score_steps",
    "unique_rows",
    "windows",
]
