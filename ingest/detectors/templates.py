"""Prompt templates of a whole log: fixed words around slots, who uses them, and how many do.

The warehouse masks every prompt and counts its edges; only edges that several accounts of several
organisations share come back, at most MOST_FRAMES. Joining them to templates is frames.py.
"""

import functools
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from ingest.detectors.attributes import party
from ingest.detectors.frames import GAP, SAME_REQUESTS, Frame, join_frames
from ingest.detectors.skeletons import EDGES, LONG, SHORT, edges, is_worded, with_skeleton
from ingest.detectors.warehouse import keep

FEWEST_ACCOUNTS, FEWEST_ORGANISATIONS = 3, 3
LEAST_WORDING = 14  # letters; less is punctuation or a pair of common words
MOST_FRAMES = 50_000
EXAMPLE_LENGTH = 1200
LABEL_LENGTH = 300
KNOWN = [f"known_{edge}" for edge in EDGES]
USES = ("account_id", "organisation", "template", "count", "distinct", "entropy",
        "first_at", "last_at")  # fmt: skip
DEFINITIONS = ("template", "label", "accounts", "organisations")


@dataclass(frozen=True)
class Templates:
    """definitions has the columns DEFINITIONS, one row a template; uses has USES, one row an
    account and template (distinct: different skeletons; entropy of them in nats)."""

    definitions: pd.DataFrame
    uses: pd.DataFrame


def find_templates(requests: ir.Table) -> Templates:
    """Every template that at least three accounts of at least two organisations use."""
    framed = framed_prompts(requests)
    shapes = keep(
        framed.select(
            "account_id",
            "organisation",
            "at",
            "prompt_key",
            skeleton_key=framed.text.hash(),
            **{edge: frame_key(framed, edge) for edge in EDGES},
        )
    )
    shared = keep(_shared_frames(shapes))
    frames = _describe(requests, shared)
    if not frames:
        return Templates(pd.DataFrame(columns=DEFINITIONS), pd.DataFrame(columns=USES))
    fills = keep(_fills(shapes, shared))
    named = join_frames(frames, _together(fills, shared))
    uses = _uses(fills, {frame: name for frame, (name, _) in named.items()})
    return Templates(_definitions(uses, dict(named.values())), uses)


def framed_prompts(requests: ir.Table) -> ir.Table:
    """account_id, organisation, at, prompt_key, text (the skeleton) and its four edges."""
    # asked of the prompt: asked of its skeleton, the warehouse would mask it twice
    t = requests.filter(requests.prompt.notnull())
    t = t.select(
        "account_id", "prompt", at=t["at"], organisation=party(t), prompt_key=t.prompt.hash()
    )
    masked = with_skeleton(t).drop("prompt")
    return masked.mutate(**edges(masked.text))


def frame_key(framed: ir.Table, edge: str) -> ir.IntegerColumn:
    """The backend's own digest of an edge, null where the edge is hardly worded."""
    worded = is_worded(framed[edge], LEAST_WORDING)
    return worded.ifelse(framed[edge].concat("|" + edge).hash(), ibis.null("int64"))


def _shared_frames(shapes: ir.Table) -> ir.Table:
    parts = []
    for edge in EDGES:
        part = shapes.filter(shapes[edge].notnull())
        part = part.group_by(frame=part[edge]).aggregate(
            requests=part.count(),
            accounts=part.account_id.nunique(),
            organisations=part.organisation.nunique(),
            low=part.prompt_key.min(),
            high=part.prompt_key.max(),
        )
        part = part.filter(
            (part.accounts >= FEWEST_ACCOUNTS) & (part.organisations >= FEWEST_ORGANISATIONS)
        )
        parts.append(part.mutate(edge=ibis.literal(edge)))
    found = functools.reduce(lambda left, right: left.union(right), parts)
    return found.order_by(found.accounts.desc(), found.requests.desc(), found.frame).limit(
        MOST_FRAMES
    )


def _describe(requests: ir.Table, shared: ir.Table) -> dict[str, Frame]:
    """The words of each frame, from two prompts that have it; only those are masked again."""
    keys = keep(shared.select(key="low").union(shared.select(key="high")).distinct())
    wanted = requests.select(key=requests.prompt.hash(), prompt=requests.prompt).join(keys, "key")
    wanted = wanted.group_by("key").aggregate(prompt=wanted.prompt.min())
    wanted = with_skeleton(wanted)
    texts = wanted.select(
        key=wanted.key.cast("string"),
        start=wanted.text.left(EXAMPLE_LENGTH),
        end=wanted.text.right(LONG),
        length=wanted.text.length(),
    ).execute()
    text_of = {row.key: row for row in texts.itertuples(index=False)}
    rows = shared.mutate(
        frame=shared.frame.cast("string"),
        low=shared.low.cast("string"),
        high=shared.high.cast("string"),
    ).execute()
    found = {}
    for row in rows.itertuples(index=False):
        low, high = text_of[row.low], text_of[row.high]
        size = LONG if row.edge.endswith(str(LONG)) else SHORT
        words = low.start[:size] if row.edge.startswith("opening") else low.end[-size:]
        found[row.frame] = Frame(words, row.edge, _both_ends(low), _both_ends(high), row.requests)
    return found


def _both_ends(text) -> str:
    if text.length <= EXAMPLE_LENGTH:
        return text.start
    return f"{text.start[: EXAMPLE_LENGTH - LONG]} {GAP} {text.end}"


def _fills(shapes: ir.Table, shared: ir.Table) -> ir.Table:
    """One row an account and skeleton that has a shared frame: those of its frames that are shared
    (KNOWN), n, first_at, last_at."""
    known = shapes
    for edge, column in zip(EDGES, KNOWN, strict=True):
        ours = shared.filter(shared.edge == edge).select(**{column: "frame"})
        known = known.left_join(ours, known[edge] == ours[column])
    known = known.filter(ibis.or_(*(known[column].notnull() for column in KNOWN)))
    # a skeleton has the same edges wherever it is
    return known.group_by("account_id", "organisation", "skeleton_key").aggregate(
        n=known.count(),
        first_at=known["at"].min(),
        last_at=known["at"].max(),
        **{column: known[column].min() for column in KNOWN},
    )


def _together(fills: ir.Table, shared: ir.Table) -> list[tuple[str, str, int]]:
    """Two frames and the requests that carry both, where those are most of what carries either."""
    found = []
    one = shared.select(left="frame", left_requests="requests")
    other = shared.select(right="frame", right_requests="requests")
    for i, left in enumerate(KNOWN):
        for right in KNOWN[i + 1 :]:
            both = fills.filter(fills[left].notnull() & fills[right].notnull())
            both = both.group_by(left=both[left], right=both[right]).aggregate(both=both.n.sum())
            both = both.join(one, "left").join(other, "right")
            either = both.left_requests + both.right_requests - both.both
            both = both.filter(both.both >= SAME_REQUESTS * either)
            # as text: pandas would make floats of whole numbers with gaps, and lose digits
            rows = both.select(
                both.left.cast("string"), both.right.cast("string"), both.both.cast("int64")
            )
            found += rows.execute().itertuples(index=False, name=None)
    return found


def _uses(fills: ir.Table, template_of: dict[str, str]) -> pd.DataFrame:
    names = sorted(set(template_of.values()))
    number = {name: place for place, name in enumerate(names)}
    given = pd.DataFrame(
        {
            "frame": [int(frame) for frame in template_of],
            "template": [number[name] for name in template_of.values()],
        }
    )
    frames = ibis.memtable(given, schema={"frame": "int64", "template": "int64"})
    rows = fills
    for column in KNOWN:
        ours = frames.select(**{f"{column}_frame": "frame", f"{column}_template": "template"})
        rows = rows.left_join(ours, rows[column] == ours[f"{column}_frame"])
    templates = [f"{column}_template" for column in KNOWN]
    rows = rows.select("account_id", "organisation", "n", "first_at", "last_at", *templates)
    parts = []
    for place, column in enumerate(templates):
        # a skeleton that reaches one template by two frames counts once
        before = [rows[other].fill_null(-1) != rows[column] for other in templates[:place]]
        part = rows.filter(rows[column].notnull(), *before)
        parts.append(
            part.select(
                "account_id", "organisation", "n", "first_at", "last_at", template=part[column]
            )
        )
    each = functools.reduce(lambda left, right: left.union(right), parts)
    uses = each.group_by("account_id", "organisation", "template").aggregate(
        count=each.n.sum(),
        distinct=each.count(),
        n_log_n=(each.n * each.n.cast("float64").log()).sum(),
        first_at=each.first_at.min(),
        last_at=each.last_at.max(),
    )
    uses = uses.order_by("account_id", "organisation", "template").execute()
    uses["template"] = pd.array(names, dtype=object)[uses.template] if names else []
    uses["entropy"] = np.log(uses["count"].astype(float)) - uses.n_log_n / uses["count"]
    return uses[list(USES)]


def _definitions(uses: pd.DataFrame, labels: dict[str, str]) -> pd.DataFrame:
    counted = uses.groupby("template", sort=True).agg(
        accounts=("account_id", "nunique"), organisations=("organisation", "nunique")
    )
    counted["label"] = [labels[template][:LABEL_LENGTH] for template in counted.index]
    return counted.reset_index()[list(DEFINITIONS)]
