"""Parts of a case that hang on little: what a person may want to split off. Pure."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import rustworkx as rx

SMALLEST = 3  # accounts in a part
THRESHOLDS = 12  # steps of rarity that are tried
MOST = 6  # parts that are offered of each kind


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a case. bridge: the value that alone holds it to the rest, or None, when it comes
    loose once values of at most threshold bits are left aside. inside: the values that most of its
    own accounts carry, with how many do.
    """

    accounts: tuple[int, ...]
    bridge: int | None
    threshold: float | None
    inside: tuple[tuple[int, int], ...]

    @property
    def key(self) -> str:
        """The same accounts have the same key; another set has another one."""
        named = ",".join(map(str, self.accounts)).encode()
        return hashlib.sha256(named).hexdigest()[:16]


def parts_of(links: Iterable[tuple[int, int, float]]) -> list[Part]:
    """Parts that a case's links (account, attribute, bits) offer; bridges first, larger first.

    A *bridge* is a value without which the graph of accounts and values falls apart (an
    articulation point, Hopcroft and Tarjan 1973). A *sub-cluster* is a component of what is left
    above a rarity: the lowest step at which one appears. A part has three accounts or more and at
    most half of them all: more is the case itself. The order of rows does not matter.
    """
    links = sorted({(account, value): bits for account, value, bits in links}.items())
    rows = [(account, value, bits) for (account, value), bits in links]
    seen: set[tuple[int, ...]] = set()
    found = []
    for part in [*_behind_bridges(rows), *_above_thresholds(rows)]:
        if part.accounts not in seen:
            seen.add(part.accounts)
            found.append(part)
    return found


def _graph(rows: Sequence[tuple[int, int, float]]):
    """Accounts and values as nodes; what each node stands for: ("a", account) or ("v", value)."""
    graph, place = rx.PyGraph(), {}
    for account, value, _ in rows:
        for node in (("a", account), ("v", value)):
            if node not in place:
                place[node] = graph.add_node(node)
    graph.add_edges_from_no_data([(place["a", a], place["v", v]) for a, v, _ in rows])
    return graph


def _components(graph, of: int) -> list[tuple[int, ...]]:
    """The accounts of each component that is a part of so many accounts, the largest first."""
    parts = [
        tuple(sorted(graph[node][1] for node in nodes if graph[node][0] == "a"))
        for nodes in rx.connected_components(graph)
    ]
    fit = [part for part in parts if SMALLEST <= len(part) <= of / 2]
    return sorted(fit, key=lambda part: (-len(part), part))


def _behind_bridges(rows) -> list[Part]:
    graph = _graph(rows)
    found = []
    points = [node for node in rx.articulation_points(graph) if graph[node][0] == "v"]
    points.sort(key=lambda node: (-graph.degree(node), graph[node][1]))
    of = len({account for account, _, _ in rows})
    whole = _components(graph, of)
    for node in points[: 4 * MOST]:
        value = graph[node][1]
        cut = graph.copy()
        cut.remove_node(node)
        for accounts in _components(cut, of):
            if accounts not in whole:
                found.append(_part(accounts, rows, bridge=value))
    return sorted(found, key=lambda p: (-len(p.accounts), p.accounts))[:MOST]


def _above_thresholds(rows) -> list[Part]:
    of = len({account for account, _, _ in rows})
    steps = sorted({bits for _, _, bits in rows})
    # nothing is left aside first, then ever rarer values
    for at in range(THRESHOLDS):
        below = at * len(steps) // THRESHOLDS
        threshold = steps[below - 1] if below else 0.0
        kept = [row for row in rows if row[2] > threshold]
        if parts := _components(_graph(kept), of):
            return [_part(part, kept, threshold=threshold) for part in parts[:MOST]]
    return []


def _part(accounts, rows, *, bridge=None, threshold=None) -> Part:
    mine, counts = set(accounts), {}
    for account, value, _ in rows:
        if account in mine and value != bridge:
            counts[value] = counts.get(value, 0) + 1
    inside = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:3]
    return Part(accounts, bridge, threshold, tuple(inside))
