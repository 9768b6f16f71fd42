"""Two halves of the prompts: detectors select on one, what they selected is tested on the other.

A test on the queries that a cluster was selected by only repeats the selection. So half of all
prompts are held out, by the backend's own digest of the prompt: one prompt is in the same half for
every account and on every run, and no copy of a selecting prompt comes back as a held-out one.
"""

import ibis.expr.types as ir


def held_out(prompts: ir.StringColumn) -> ir.BooleanColumn:
    """Whether each prompt is held out: its digest is odd. False where no prompt is recorded."""
    return prompts.notnull() & (prompts.hash() % 2 != 0)


def selecting(requests: ir.Table) -> ir.Table:
    """The requests whose prompts detectors may select accounts by; those without a prompt stay."""
    return requests.filter(~held_out(requests.prompt))
