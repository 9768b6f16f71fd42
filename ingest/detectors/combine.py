"""One number for every account, flagged or not: what independent families say together, in bits.

Fellegi–Sunter with stated weights, nothing learnt from labels. An account's own evidence
(routes.py) counts little; what counts is the population that holds it (suspects.py), and one that a
benign twin explains takes the evidence away. Volume has no say (batches lead), nor has a template
by itself (benchmarks and products have the rarest): both reach the desk as signals of their own.
"""

import numpy as np
import pandas as pd

from ingest.detectors.population import Population
from ingest.detectors.routes import total_bits
from ingest.detectors.suspects import ALONE, EXPLAINED, suspects_of

OWN = 0.5  # of the bits that an account has by itself
LEAST_OWN, MOST_OWN = -4.0, 12.0


def combined_scores(population: Population) -> dict[str, float]:
    """account → bits, for every account of the log. No prior is added that means anything: only the
    order and the differences do."""
    suspects = suspects_of(population)
    own = OWN * total_bits(population.routes).clip(LEAST_OWN, MOST_OWN)
    begin = pd.Series(np.where(suspects.explained, EXPLAINED, ALONE), index=suspects.names)
    begin += own.reindex(suspects.names).where(~suspects.explained, 0.0)
    found = pd.Series(np.maximum(suspects.score, begin), index=suspects.names)
    return found.reindex(population.accounts.index).fillna(ALONE).to_dict()
