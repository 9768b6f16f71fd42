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
        needed: dict[ops.Relation, set[str]] = {}
        top = expression.op()
        if isinstance(top, ops.Relation):
            self._need(top, set(top.schema.names), needed)
        else:
            self._need_parts([top], needed)
        return frozenset(needed.get(self.log, ()))

    def scans(self, expression: ir.Expr) -> bool:
        """Whether the expression reads the log itself, not only what was kept."""
        return bool(expression.op().find(lambda node: node == self.log))

    def _values(self, relation: ops.Relation) -> Mapping[str, ops.Value]:
        if relation == self.log or relation in self._kept:
            return {}
        return relation.parent.fields if isinstance(relation, ops.Reference) else relation.values

    def _need(
        self, relation: ops.Relation, names: set[str], needed: dict[ops.Relation, set[str]]
    ) -> None:
        known = needed.get(relation)
        if known is not None and names <= known:
            return
        needed.setdefault(relation, set()).update(names)
        if relation == self.log or relation in self._kept:
            return
        if isinstance(relation, ops.Set):
            self._need(relation.left, names, needed)
            self._need(relation.right, names, needed)
            return
        values = self._values(relation)
        every = isinstance(relation, ops.Distinct)
        parts = [value for name, value in values.items() if every or name in names]
        if isinstance(relation, ops.Aggregate):
            parts += relation.groups.values()
        elif isinstance(relation, ops.Filter):
            parts += relation.predicates
        elif isinstance(relation, ops.Sort):
            parts += relation.keys
        elif isinstance(relation, ops.JoinChain):
            parts += [predicate for link in relation.rest for predicate in link.predicates]
        self._need_parts(parts, needed)

    def _need_parts(self, parts, needed: dict[ops.Relation, set[str]]) -> None:
        waiting = list(parts)
        while waiting:
            part = waiting.pop()
            if isinstance(part, ops.Field):
                self._need(part.rel, {part.name}, needed)
            elif isinstance(part, ops.CountStar):  # rows, whatever is in them
                self._need(part.arg, set(), needed)
                waiting += [part.where] if part.where is not None else []
            elif isinstance(part, ops.Relation):  # of a subquery
                self._need(part, set(part.schema.names), needed)
            else:
                waiting += part.__children__

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
