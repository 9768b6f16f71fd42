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
from ingest.detectors.frames import GAP, Frame, join_frames
from ingest.detectors.skeletons import EDGES, LONG, SHORT, edges, skeleton, wording
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
    mixes = _mixes(shapes, shared)
    named = join_frames(frames, _together(mixes))
    uses = _uses(mixes, {frame: name for frame, (name, _) in named.items()})
    return Templates(_definitions(uses, dict(named.values())), uses)


def framed_prompts(requests: ir.Table) -> ir.Table:
    """account_id, organisation, at, prompt_key, text (the skeleton) and its four edges."""
    masked = requests.select(
        "account_id",
        at=requests["at"],
        organisation=party(requests),
        prompt_key=requests.prompt.hash(),
        text=skeleton(requests.prompt),
    )
    masked = masked.filter(masked.text.notnull())
    return masked.mutate(**edges(masked.text))


def frame_key(framed: ir.Table, edge: str) -> ir.IntegerColumn:
    """The backend's own digest of an edge, null where the edge is hardly worded."""
    worded = wording(framed[edge]) >= LEAST_WORDING
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
    wanted = wanted.select("key", text=skeleton(wanted.prompt))
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


def _mixes(shapes: ir.Table, shared: ir.Table) -> pd.DataFrame:
    """One row an account and combination of shared frames, with n log n of its skeletons."""
    known = shapes
    for edge, column in zip(EDGES, KNOWN, strict=True):
        ours = shared.filter(shared.edge == edge)
        # as text: pandas would make floats of whole numbers with gaps, and lose their last digits
        ours = ours.select(frame=ours.frame, **{column: ours.frame.cast("string")})
        known = known.left_join(ours, known[edge] == ours.frame).drop("frame")
    known = known.filter(ibis.or_(*(known[column].notnull() for column in KNOWN)))
    fills = known.group_by("account_id", "organisation", "skeleton_key", *KNOWN).aggregate(
        n=known.count(), first_at=known["at"].min(), last_at=known["at"].max()
    )
    return (
        fills.group_by("account_id", "organisation", *KNOWN)
        .aggregate(
            count=fills.n.sum(),
            distinct=fills.count(),
            n_log_n=(fills.n * fills.n.cast("float64").log()).sum(),
            first_at=fills.first_at.min(),
            last_at=fills.last_at.max(),
        )
        .execute()
    )


def _together(mixes: pd.DataFrame) -> list[tuple[str, str, int]]:
    found = []
    for i, left in enumerate(KNOWN):
        for right in KNOWN[i + 1 :]:
            both = mixes.dropna(subset=[left, right]).groupby([left, right])["count"].sum()
            found += [(a, b, int(count)) for (a, b), count in both.items()]
    return found


def _uses(mixes: pd.DataFrame, template_of: dict[str, str]) -> pd.DataFrame:
    parts = []
    for column in KNOWN:
        part = mixes.dropna(subset=[column])
        parts.append(part.assign(template=part[column].map(template_of)))
    # a combination that reaches one template by two frames counts once
    melted = pd.concat(parts).drop_duplicates(["account_id", *KNOWN, "template"])
    uses = melted.groupby(["account_id", "organisation", "template"], sort=True).agg(
        count=("count", "sum"),
        distinct=("distinct", "sum"),
        n_log_n=("n_log_n", "sum"),
        first_at=("first_at", "min"),
        last_at=("last_at", "max"),
    )
    uses["entropy"] = np.log(uses["count"].astype(float)) - uses.n_log_n / uses["count"]
    return uses.reset_index()[list(USES)]


def _definitions(uses: pd.DataFrame, labels: dict[str, str]) -> pd.DataFrame:
    counted = uses.groupby("template", sort=True).agg(
        accounts=("account_id", "nunique"), organisations=("organisation", "nunique")
    )
    counted["label"] = [labels[template][:LABEL_LENGTH] for template in counted.index]
    return counted.reset_index()[list(DEFINITIONS)]
