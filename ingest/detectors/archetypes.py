"""The innocent archetypes, and how far an account is from each.

An archetype is a region of a few features that say how an account works, never what it writes: no
keyword, so that renaming a client or a prompt moves nobody. The distance is the mean, over the
features of the archetype that are known, of how far outside of its range the account lies, each
range given on a scale where 1 is the whole of what accounts do; 0 is inside. It is a reading for
people, and acquits nobody: whoever works like a nightly batch may be one.

features, all 0 to 1
  night        share of the requests in the busiest four hours of the day, on end
  round_clock  entropy of the hour of the day, over that of a flat day
  days         share of the window's days with any request
  rate         log10 of the requests an active day, over 4
  addresses    log2 of its addresses, over 8
  clients      log2 of its user agents, over 5
  repeated     share of its prompts that it has sent before, word for word
  wording      share of its requests that carry its commonest shared wording
  wording_spread  log2 of the other organisations with that wording, over 8
  crowd        log2 of the other organisations at its most shared block of addresses, over 8
  colleagues   log2 of the other accounts of its organisation, over 6
  answer       log10 of the mean output tokens, over 4
"""

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from ingest.detectors.crossing import exporting
from ingest.detectors.population import Population

ARCHETYPES: dict[str, dict[str, tuple[float, float]]] = {
    "evaluation harness": {"wording": (0.8, 1), "wording_spread": (0.3, 1), "crowd": (0, 0.1),
                           "night": (0.7, 1), "days": (0, 0.5)},
    "nightly batch": {"night": (0.9, 1), "days": (0.7, 1), "addresses": (0, 0.2),
                      "crowd": (0, 0.1), "wording_spread": (0, 0.1)},
    "CI with a shared key": {"round_clock": (0.85, 1), "addresses": (0.35, 1), "clients": (0, 0.1),
                             "crowd": (0, 0.1), "wording_spread": (0, 0.1)},
    "reseller or gateway": {"clients": (0.7, 1), "addresses": (0.5, 1), "wording": (0, 0.2),
                            "colleagues": (0, 0.1)},
    "university": {"crowd": (0.55, 1), "wording": (0, 0.3), "addresses": (0, 0.4),
                   "rate": (0, 0.35), "colleagues": (0, 0.1)},
    "homework": {"crowd": (0.5, 1), "wording": (0.15, 0.8), "wording_spread": (0.5, 1),
                 "rate": (0, 0.35), "colleagues": (0, 0.1)},
    "red team": {"colleagues": (0.15, 1), "wording": (0.7, 1), "crowd": (0.05, 0.4),
                 "repeated": (0.1, 1), "round_clock": (0, 0.85)},
    "translation job": {"round_clock": (0.8, 1), "addresses": (0, 0.25), "crowd": (0, 0.1),
                        "wording_spread": (0, 0.1), "days": (0.7, 1)},
    "classification batch": {"answer": (0, 0.3), "crowd": (0, 0.1), "days": (0, 0.3),
                             "rate": (0.35, 1), "addresses": (0, 0.2)},
    "agents": {"round_clock": (0.8, 1), "wording": (0.3, 1), "wording_spread": (0.3, 1),
               "addresses": (0, 0.2), "crowd": (0, 0.1), "days": (0.7, 1)},
    "product": {"wording": (0.8, 1), "wording_spread": (0.45, 1), "colleagues": (0, 0.1),
                "round_clock": (0, 0.9), "rate": (0, 0.4)},
    "VPN pool": {"crowd": (0.5, 1), "addresses": (0.25, 0.7), "wording": (0, 0.2),
                 "rate": (0, 0.4), "colleagues": (0, 0.1)},
    "office": {"crowd": (0.1, 0.4), "colleagues": (0.15, 1), "wording": (0, 0.3),
               "addresses": (0, 0.4), "round_clock": (0, 0.85)},
}  # fmt: skip
NIGHT_HOURS = 4


def distances(features: pd.DataFrame) -> pd.DataFrame:
    """accounts × archetypes, 0 (inside) to 1. A feature that is nan is not known and has no say."""
    found = {}
    for name, ranges in ARCHETYPES.items():
        part = features[list(ranges)]
        low = np.array([ranges[column][0] for column in part])
        high = np.array([ranges[column][1] for column in part])
        outside = np.maximum(np.maximum(low - part, part - high), 0.0)
        found[name] = outside.mean(axis=1)
    return pd.DataFrame(found, index=features.index)


def nearest(features: pd.DataFrame, many: int = 2) -> dict[str, dict[str, float]]:
    """Account → its nearest archetypes and the distances: what a signal carries."""
    if features.empty:
        return {}
    table = distances(features)
    return {
        name: {kind: round(float(row[kind]), 3) for kind in row.nsmallest(many).index}
        for name, row in table.iterrows()
        if row.notna().any()
    }


def features_of(population: Population, names: list[str]) -> pd.DataFrame:
    """The features of these accounts; aggregates only come back from the warehouse."""
    accounts = population.accounts
    frame = pd.DataFrame(index=pd.Index(sorted(names), name="account_id"))
    if not len(frame):
        return frame
    wanted = ibis.memtable({"account_id": list(frame.index)})
    t = population.requests.semi_join(wanted, "account_id")
    with exporting("archetypes", frozenset({"account_id"})):
        hours = _hours(t).reindex(frame.index).fillna(0.0)
        summed = _sums(t).reindex(frame.index)
    share = hours.to_numpy() / np.maximum(hours.to_numpy().sum(axis=1, keepdims=True), 1)
    turns = np.stack([np.roll(share, -start, axis=1)[:, :NIGHT_HOURS].sum(axis=1)
                      for start in range(24)])  # fmt: skip
    frame["night"] = turns.max(axis=0)
    told = np.where(share > 0, share * np.log(np.maximum(share, 1e-12)), 0.0)
    frame["round_clock"] = -told.sum(axis=1) / np.log(24)
    start, end = population.window
    mine = accounts.loc[frame.index]
    frame["days"] = (mine.active_days / max(1, (end - start).days + 1)).clip(upper=1)
    frame["rate"] = np.log10(mine.requests / mine.active_days) / 4
    frame["addresses"] = np.log2(mine.addresses.astype(float).where(mine.addresses > 0)) / 8
    frame["clients"] = np.log2(summed.clients.astype(float).where(summed.clients > 0)) / 5
    frame["repeated"] = 1 - summed.prompts / summed.told.where(summed.told > 0)
    frame["answer"] = np.log10(summed.answer.astype(float).clip(lower=1)) / 4
    frame["colleagues"] = np.log2(accounts.groupby("party").size().reindex(mine.party)).values / 6
    uses = population.templates.uses
    uses = uses[uses.account_id.isin(frame.index)].merge(
        population.templates.definitions[["template", "organisations"]], on="template"
    )
    top = uses.sort_values(["count", "template"], ascending=[False, True])
    top = top.drop_duplicates("account_id").set_index("account_id").reindex(frame.index)
    known = summed.told > 0
    frame["wording"] = (top["count"].fillna(0) / mine.requests).where(known)
    frame["wording_spread"] = np.log2(top.organisations.fillna(1).astype(float)).where(known) / 8
    frame["crowd"] = _crowd(population, frame.index)
    return frame.astype(float).clip(0, 1)


def _hours(t: ir.Table) -> pd.DataFrame:
    rows = t.group_by("account_id", hour=t["at"].hour()).aggregate(n=t.count()).execute()
    table = rows.pivot_table(index="account_id", columns="hour", values="n", aggfunc="sum")
    return table.reindex(columns=range(24))


def _sums(t: ir.Table) -> pd.DataFrame:
    return (
        t.group_by("account_id")
        .aggregate(
            clients=t.user_agent.nunique(),
            prompts=t.prompt.nunique(),
            told=t.prompt.count(),
            answer=t.output_tokens.mean(),
        )
        .execute()
        .set_index("account_id")
    )


def _crowd(population: Population, names: pd.Index) -> pd.Series:
    blocks = population.uses.filter(population.uses.kind == "ip_prefix")
    size = blocks.group_by("value").aggregate(parties=blocks.organisation.nunique())
    most = blocks.join(size, "value").group_by("account_id")
    with exporting("archetypes", frozenset({"account_id"})):
        found = most.aggregate(parties=ibis._.parties.max()).execute().set_index("account_id")
    return np.log2(found.parties.astype(float)).reindex(names) / 8
