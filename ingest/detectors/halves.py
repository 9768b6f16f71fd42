"""Two halves of the prompts: detectors select on one, what they selected is tested on the other.

A test on the queries that a cluster was selected by only repeats the selection. So half of all
prompts are held out, by what every warehouse works out alike: one prompt is in the same half for
every account, on every run and wherever the log is, and no copy of a selecting prompt comes back as
a held-out one.
"""

import ibis.expr.types as ir

DROPPED = r"[aeiou13579]"  # some of the signs that change from prompt to prompt, not all


def held_out(prompts: ir.StringColumn) -> ir.BooleanColumn:
    """Whether each prompt is held out: what is left of it without DROPPED is of odd length. False
    where no prompt is recorded."""
    return prompts.notnull() & (prompts.re_replace(DROPPED, "").length() % 2 == 1)


def selecting(requests: ir.Table) -> ir.Table:
    """The requests whose prompts detectors may select accounts by; those without a prompt stay."""
    return requests.filter(~held_out(requests.prompt))
