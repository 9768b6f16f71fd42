"""A few prompts of many accounts, for comparison: bounded, and the same on every run."""

import ibis
import ibis.expr.types as ir

from ingest.detectors.likeness import PROMPTS

SHORTEST = 40  # characters: "in a table, please" is everybody's
LONGEST = 600


@ibis.udf.scalar.builtin
def md5(text: str) -> str:
    """Every warehouse has it; some give bytes and some hexadecimal digits, which sort alike."""


def prompts_of(requests: ir.Table, names: list[str]) -> dict[str, list[str]]:
    """Up to PROMPTS different prompts of each account that are long enough, picked by digest."""
    found: dict[str, list[str]] = {name: [] for name in names}
    if not names:
        return found
    t = requests.filter(requests.prompt.length() >= SHORTEST)
    t = t.semi_join(ibis.memtable({"account_id": names}), "account_id")
    once = t.select("account_id", prompt=t.prompt.left(LONGEST)).distinct()
    # a digest that every warehouse knows: their own hashes would each pick other prompts, and with
    # them other accounts
    spread = ibis.row_number().over(group_by="account_id", order_by=md5(once.prompt))
    some = once.mutate(place=spread)
    rows = some.filter(some.place < PROMPTS).order_by("account_id", "place").execute()
    for row in rows.itertuples(index=False):
        found[row.account_id].append(row.prompt)
    return found
