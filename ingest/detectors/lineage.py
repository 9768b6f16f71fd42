"""Which columns of the log a result carries: read from the expression, before anything runs.

A result column carries a log's column when it holds its values, whole, cut or rewritten: prompt,
prompt.left(80), min(prompt). It carries digest(column) when it holds a hash, a length or a yes/no
of it. Counts, sums and every other summary of many rows carry nothing, nor do the smallest and the
largest of numbers and times; the smallest of texts is a text. Which rows are there is not looked
at: a filter by a column does not carry it.
"""

from collections.abc import Mapping

import ibis.expr.operations as ops
import ibis.expr.types as ir

from ingest.detectors.protocol import DIGEST
from ingest.readers.columns import TYPES

UNKNOWN = "?"  # from a table that nobody vouched for
# summaries that hand one of the values on
PICKS = (ops.Min, ops.Max, ops.First, ops.Last, ops.Arbitrary, ops.Mode, ops.ArgMin, ops.ArgMax,
         ops.ArrayCollect, ops.GroupConcat, ops.Median, ops.Quantile)  # fmt: skip
DIGESTS = (ops.Hash, ops.HashBytes, ops.HexDigest, ops.StringLength)
PLACES = (ops.RankBase, ops.PercentRank, ops.CumeDist, ops.NTile)

Carried = Mapping[str, frozenset[str]]
NOTHING: frozenset[str] = frozenset()


class Lineage:
    """Knows the log, and every table that was kept beside it (learn)."""

    def __init__(self, requests: ir.Table):
        self.log = requests.op()
        self._kept: dict[ops.Node, Carried] = {}
        self._seen: dict[ops.Node, Carried | frozenset[str]] = {}

    def learn(self, kept: ir.Table, expression: ir.Table) -> None:
        """kept is a table of the warehouse that holds the expression's rows."""
        self._kept[kept.op()] = self.of(expression)

    def of(self, expression: ir.Expr) -> dict[str, frozenset[str]]:
        """Result column → columns of the log that it carries."""
        node = expression.op()
        if isinstance(node, ops.Relation):
            return dict(self._relation(node))
        return {expression.get_name(): self._value(node)}

    def read(self, expression: ir.Expr) -> frozenset[str]:
        """The columns of the log that the warehouse has to read for the expression."""
        top = expression.op()
        fields = {node for node in top.find(ops.Field) if self._value_of_log(node)}
        found = {node.name for node in fields}
        if isinstance(top, ops.Relation):
            found |= {n for n, value in self._values(top).items() if self._value_of_log(value)}
            if top == self.log:
                found |= set(top.schema.names)
        return frozenset(found)

    def scans(self, expression: ir.Expr) -> bool:
        """Whether the expression reads the log itself, not only what was kept."""
        return bool(expression.op().find(lambda node: node == self.log))

    def _values(self, relation: ops.Relation) -> Mapping[str, ops.Value]:
        if relation == self.log or relation in self._kept:
            return {}
        return relation.parent.fields if isinstance(relation, ops.Reference) else relation.values

    def _value_of_log(self, node: ops.Node) -> bool:
        while isinstance(node, ops.Field):
            if node.rel == self.log:
                return True
            node = self._values(node.rel).get(node.name)
        return False

    def _relation(self, relation: ops.Relation) -> Carried:
        known = self._seen.get(relation)
        if known is None:
            known = self._seen[relation] = self._trace(relation)
        return known

    def _trace(self, relation: ops.Relation) -> Carried:
        if relation == self.log:
            return {name: frozenset({name}) for name in relation.schema.names}
        if relation in self._kept:
            return self._kept[relation]
        if isinstance(relation, ops.InMemoryTable | ops.DummyTable):
            return dict.fromkeys(relation.schema.names, NOTHING)  # it came from here
        if isinstance(relation, ops.Set):
            left, right = self._relation(relation.left), self._relation(relation.right)
            return {name: left[name] | right[name] for name in relation.schema.names}
        if values := self._values(relation):
            return {name: self._value(value) for name, value in values.items()}
        return dict.fromkeys(relation.schema.names, frozenset({UNKNOWN}))

    def _value(self, node: ops.Value) -> frozenset[str]:
        known = self._seen.get(node)
        if known is None:
            known = self._seen[node] = self._follow(node)
        return known

    def _follow(self, node: ops.Value) -> frozenset[str]:
        if isinstance(node, ops.Field):
            return self._relation(node.rel)[node.name]
        if isinstance(node, ops.WindowFunction):
            return self._value(node.func)
        if isinstance(node, PLACES) or (
            isinstance(node, ops.Reduction) and not isinstance(node, PICKS)
        ):
            return NOTHING
        if isinstance(node, ops.ScalarSubquery):
            return frozenset().union(*self._relation(node.rel).values())
        if isinstance(node, ops.InSubquery):
            return digests(self._value(node.needle))
        if isinstance(node, ops.ExistsSubquery):
            return NOTHING
        below = frozenset().union(
            *(self._value(part) for part in node.__children__ if isinstance(part, ops.Value))
        )
        if isinstance(node, DIGESTS) or node.dtype.is_boolean():
            return digests(below)
        if isinstance(node, PICKS) and (node.dtype.is_numeric() or node.dtype.is_temporal()):
            return frozenset(label for label in below if TYPES.get(label, "string") == "string")
        return below


def digests(labels: frozenset[str]) -> frozenset[str]:
    return frozenset(label if label not in TYPES else DIGEST.format(label) for label in labels)
