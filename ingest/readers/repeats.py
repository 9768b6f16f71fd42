"""Requests that were delivered more than once count once, by their id."""

from collections.abc import Iterator

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from ingest.readers.gaps import Gap

KEY = ("account_id", "request_id")  # nobody hides another's requests by an id of his own making


def once(requests: ir.Table, connection: Backend | None) -> tuple[ir.Table, int, Iterator[Gap]]:
    """Each id of an account once: its fullest line, the earliest of these. Also how many lines that
    leaves out, and gaps. Lines without an id are all kept."""
    named = requests.filter(requests.request_id.notnull())
    again = named.group_by(KEY).aggregate(n=named.count(), moments=named["at"].nunique())
    again = again.filter(again.n > 1)
    if connection is not None:
        again = connection.create_table(ibis.util.gen_name("stillwatch"), again, temp=True)
    [counted] = (
        again.aggregate(left_out=again.n.sum() - again.count(), moved=(again.moments > 1).sum())
        .to_pyarrow()
        .to_pylist()
    )
    rest = [name for name in requests.columns if name not in (*KEY, "at", "output_tokens")]
    rows = requests.semi_join(again, KEY)
    place = ibis.row_number().over(
        group_by=KEY,
        order_by=[rows.output_tokens.isnull(), rows["at"], ibis.desc(rows.output_tokens), *rest],
    )
    first = rows.mutate(place=place)
    first = first.filter(first.place == 0).drop("place")
    return (
        requests.anti_join(again, KEY).union(first),
        int(counted["left_out"] or 0),
        _moved(int(counted["moved"] or 0)),
    )


def _moved(n: int) -> Iterator[Gap]:
    if n:
        yield Gap(
            "request_id",
            f"ids that come back at another time, counted once: {n:,}; if clients may choose the "
            "id, name another with --map request_id=COLUMN",
        )
