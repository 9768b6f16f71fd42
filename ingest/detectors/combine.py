"""One number for every account, flagged or not: what independent families say together, in bits.

Fellegi–Sunter with stated weights, nothing learnt: the routes of the content detector (network,
payment, client, registration, software), each within its cap, an absent one neutral. A template by
itself has no say here (benchmarks and products have the rarest), nor has volume (batches lead):
both reach the desk as signals of their own.
"""

from ingest.detectors.content import total_bits
from ingest.detectors.population import Population


def combined_scores(population: Population) -> dict[str, float]:
    """account → bits, for every account of the log; 0 where nothing ties it to strangers. No prior
    is added, so only the order and the differences mean anything."""
    everybody = population.accounts.index
    return total_bits(population.routes).reindex(everybody).fillna(0.0).to_dict()
