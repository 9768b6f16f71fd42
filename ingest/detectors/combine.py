"""One number for every account, flagged or not: what the families say together."""

from ingest.detectors.population import Population


def combined_scores(population: Population, findings: dict) -> dict[str, float]:
    total = dict.fromkeys(population.accounts.index, 0.0)
    for found in findings.values():
        for name, score in found.scores.items():
            total[name] += score
    return total
