"""Template: one wording with changing slots, shared by organisations that are few among all.

A template inside one organisation is its product or its script; one that many organisations use is
a product or a fashion. Both are worth nothing here. What is left is worth log2(0.9 · O / o) bits, o
of O organisations, the account's own left out.

A wording is a stranger's text: it travels as samples and as an attribute's label, which the desk
masks. What this detector says names a template by its id.
"""

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from ingest.detectors.findings import MOST_SAMPLES, Findings, reference, sample
from ingest.detectors.frames import GAP
from ingest.detectors.peers import q_values, rank_p
from ingest.detectors.population import Population
from ingest.detectors.skeletons import SHORT, with_skeleton
from ingest.wire import Observation, Sample

SLUG, NAME, FAMILY, VERSION = "template", "Prompt templates", "template", "2"

M = 0.9  # P(two accounts of one operator share a template that the operator uses)
CONTEXT_BITS = 3.0  # more than one organisation in nine: a product
FEWEST_OTHERS = 2  # other organisations that use it
FEWEST_REQUESTS = 3  # with it, from the account
LEAST_SHARE = 0.1
LEAST_WORTH = 1.0  # share × bits
DOUBT = 2  # requests added to the denominator of a share: one of one proves nothing
HALF_SCORE = 4.0  # share × bits that scores one half
FEWEST_PEERS = 20
TOLD = 3  # templates named in the evidence


def detect(requests: ir.Table, population: Population | None = None) -> Findings:
    """One observation for each account with a rare shared template; a score for every account."""
    population = population or Population(requests)
    rated = rate(population)
    best = rated.sort_values(["worth", "bits", "template"], ascending=[False, False, True])
    best = best.drop_duplicates("account_id").set_index("account_id")
    worth = best.worth.reindex(population.accounts.index).fillna(0.0)
    p = _p_values(worth, population.accounts.requests)
    q = pd.Series(q_values(p.to_numpy()), index=p.index)
    scores = (worth / (worth + HALF_SCORE)).round(4)
    flagged = best[
        (best.worth >= LEAST_WORTH)
        & (best.others >= FEWEST_OTHERS)
        & (best["count"] >= FEWEST_REQUESTS)
        & (best.share >= LEAST_SHARE)
    ].sort_index()
    names = list(flagged.index)
    samples = samples_with(requests, flagged)
    start, end = population.window
    told = {
        name: rows.head(TOLD)
        for name, rows in rated[rated.account_id.isin(names)].groupby("account_id")
    }
    # an account that shares hundreds of wordings must still carry those that it is told for
    leading = {name: set(rows.template) for name, rows in told.items()}
    attributes = population.attributes_of(names, leading)
    observations = [
        Observation(
            ref=reference(SLUG, VERSION, row.Index, start, end),
            account=population.account_ref(row.Index),
            window_start=start,
            window_end=end,
            score=float(scores[row.Index]),
            p_value=float(round(p[row.Index], 6)),
            summary=_summary(row, population),
            detector_version=VERSION,
            attributes=attributes.get(row.Index, []),
            samples=samples.get(row.Index, []),
            evidence={
                "templates": [_told(other) for other in told[row.Index].itertuples()],
                "organisations_in_population": population.organisations,
                "q_value": round(float(q[row.Index]), 6),
                "tested_against": "rank of share × bits among accounts with as many requests",
            },
        )
        for row in flagged.itertuples()
    ]
    return Findings(observations, scores.to_dict())


def rate(population: Population) -> pd.DataFrame:
    """Every account and template: share of its requests, other organisations, bits and worth."""
    rows = population.templates.uses.merge(population.templates.definitions, on="template")
    total = population.accounts.requests.reindex(rows.account_id).to_numpy()
    rows["requests"] = total
    rows["share"] = rows["count"] / total
    rows["others"] = rows.organisations - 1
    with np.errstate(divide="ignore"):
        bits = np.log2(M * population.organisations / np.maximum(rows.others.astype(float), 1.0))
    rows["bits"] = np.where((bits >= CONTEXT_BITS) & (rows.others >= 1), bits, 0.0)
    rows["worth"] = rows["count"] / (total + DOUBT) * rows.bits
    return rows.sort_values(["account_id", "worth", "template"], ascending=[True, False, True])


def _p_values(worth: pd.Series, requests: pd.Series) -> pd.Series:
    busy = np.log2(requests).round()
    size = busy.groupby(busy).transform("size")
    group = busy.where(size >= FEWEST_PEERS, -1.0)
    p = pd.Series(1.0, index=worth.index)
    for _, at in group.groupby(group).groups.items():
        p[at] = rank_p(worth[at].to_numpy())
    return p


def samples_with(requests: ir.Table, flagged: pd.DataFrame) -> dict[str, list[Sample]]:
    """Up to five different prompts of each flagged account, those of its template first."""
    if flagged.empty:
        return {}
    longest = pd.Series(
        [max((p.strip() for p in label.split(GAP)), key=len)[:SHORT] for label in flagged.label],
        index=flagged.index,
    )
    wanted = ibis.memtable(pd.DataFrame({"account_id": flagged.index, "fixed": longest.to_numpy()}))
    t = requests.filter(requests.prompt.notnull()).join(wanted, "account_id")
    once = t.group_by("account_id", "prompt", "fixed").aggregate(
        first_at=t["at"].min(), model=t.model.min()
    )
    once = with_skeleton(once)
    told = once.mutate(carries=once.text.contains(once.fixed)).drop("text", "fixed")
    placed = told.mutate(
        place=ibis.row_number().over(
            group_by="account_id",
            order_by=[ibis.desc(told.carries), told.prompt.hash(), told.prompt],
        )
    )
    rows = placed.filter(placed.place < MOST_SAMPLES).order_by("account_id", "place").execute()
    found: dict[str, list[Sample]] = {}
    for row in rows.itertuples(index=False):
        found.setdefault(row.account_id, []).append(sample(row.prompt, row.first_at, row.model))
    return found


def _summary(row, population: Population) -> str:
    return (
        f"{row.share:.0%} of its {row.requests:,} requests follow template {row.template}, which "
        f"{row.others:,} other organisations of {population.organisations:,} use; "
        f"{row.distinct:,} different fillings"
    )


def _told(row) -> dict:
    count = int(row.count)
    return {
        "template": row.template,
        "requests": count,
        "share": round(float(row.share), 4),
        "different_fillings": int(row.distinct),
        "slot_entropy_nats": round(float(row.entropy), 3),
        "slot_entropy_if_never_repeated": round(float(np.log(count)), 3),
        "accounts": int(row.accounts),
        "organisations": int(row.organisations),
        "bits": round(float(row.bits), 2),
    }
