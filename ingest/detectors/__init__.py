"""Detectors over request logs: a table of requests in, observations and scores out. One file each.

A detector is a module with SLUG, NAME, FAMILY, VERSION and
detect(requests: ibis.Table, population: Population | None = None) -> Findings.
"""

from ingest.detectors import content, template, volume
from ingest.detectors.findings import Findings
from ingest.detectors.population import Population

__all__ = ["DETECTORS", "Findings", "Population"]

DETECTORS = (volume, template, content)
