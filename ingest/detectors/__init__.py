"""Detectors over request logs: a table of requests in, observations and scores out. One file each.

A detector is a module with

SLUG, NAME, FAMILY, VERSION   one release: a change of what it says is a new VERSION
NEEDS                         columns of the normal form (ingest/readers/columns.py) without which
                              it has nothing to say: on a log that does not record one of them it
                              is *not tested*. () when it can always say something
EXPORTS                       columns whose values leave the warehouse in log-locked mode. Request
                              ids and aggregates (counts, sums, extremes of numbers and times) need
                              no word; a hash, a length or a yes/no of a column is declared as
                              digest(column). What is not declared can't cross: the run refuses it
LOCKED = False                it can't run in log-locked mode, and LOCKED_REASON says why in half a
                              sentence ("prompts are compared outside the warehouse")
detect(requests: ibis.Table, population: Population | None = None) -> Findings

In log-locked mode population.locked is true, findings.samples_of gives request ids for prompts, and
population.templates and population.routes are refused: they bring words out of prompts. The heavy
part is Ibis expressions over requests; warehouse.keep() holds an intermediate table where the log
is. Whatever is executed is counted and checked on the way (crossing.py).
"""

from ingest.detectors import behaviour, content, template, timing, volume
from ingest.detectors.findings import Findings
from ingest.detectors.population import Population
from ingest.detectors.protocol import Declaration, declaration, problems

__all__ = ["DETECTORS", "Declaration", "Findings", "Population", "declaration", "problems"]

DETECTORS = (volume, template, behaviour, content, timing)
