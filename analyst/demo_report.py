"""What was found against what was planted."""

from collections import Counter
from collections.abc import Iterable, Mapping

MISSED_BELOW = 0.10  # of its accounts in its own case, or a campaign counts as missed whole
MIXES_FROM = 3  # accounts of a second campaign that make a case a mixture
MOST_INNOCENT = 0.03
NONE_WRONG = {"core": 0, "likely": 0, "possible": 0}


def compare(truth: Mapping, members: Iterable[tuple[str, str, float, str]]) -> dict:
    """truth: {"accounts": {account: {"label", "campaign", "lookalike"…}}, "campaigns": {…}}.
    members: (account, case ref, probability, tier).

    ok: no campaign missed whole, no case that mixes two (three accounts of a second one), and at
    most 3 % of members innocent. An account in two cases counts in the one where it is surest.
    """
    label = {name: row for name, row in truth["accounts"].items()}
    campaign_of = {name: row.get("campaign") or "" for name, row in label.items()}
    size = Counter(name for name in campaign_of.values() if name)
    surest: dict[str, tuple[float, str, str]] = {}
    for account, ref, probability, tier in members:
        if account not in surest or probability > surest[account][0]:
            surest[account] = (probability, ref, tier)

    cases: dict[str, Counter] = {}
    innocent, wrong_tier = Counter(), Counter(NONE_WRONG)
    for account, (_, ref, tier) in surest.items():
        campaign = campaign_of.get(account, "")
        cases.setdefault(ref, Counter())[campaign] += 1
        if not campaign:
            row = label.get(account, {})
            innocent[row.get("kind") or row.get("lookalike") or row.get("label", "unknown")] += 1
            wrong_tier[tier] += 1
    best = {
        campaign: max((case[campaign] for case in cases.values()), default=0) for campaign in size
    }
    mixed = [
        ref
        for ref, case in sorted(cases.items())
        if sum(n >= MIXES_FROM for name, n in case.items() if name) > 1
    ]
    missed = sorted(name for name in size if best[name] < MISSED_BELOW * size[name])
    total, wrong = len(surest), sum(innocent.values())
    share = wrong / total if total else 0.0
    inside = sum(n for case in cases.values() for name, n in case.items() if name)
    return {
        "ok": bool(not missed and not mixed and share <= MOST_INNOCENT),
        "campaigns": len(size),
        "cases": len(cases),
        "missed_whole": missed,
        "mixed_cases": mixed,
        "lookalike_share_of_members": round(share, 4),
        "innocent_members": dict(sorted(innocent.items())),
        "innocent_by_tier": dict(wrong_tier),
        "cases_without_a_campaign": sorted(ref for ref, case in cases.items() if not +_named(case)),
        "members": total,
        "recall": round(inside / sum(size.values()), 4) if size else None,
        "recall_by_campaign": {name: round(best[name] / size[name], 4) for name in sorted(size)},
        "pairwise": _pairwise(surest, campaign_of, size),
    }


def _named(case: Counter) -> Counter:
    return Counter({name: n for name, n in case.items() if name})


def _pairs(counts: Iterable[int]) -> int:
    return sum(n * (n - 1) // 2 for n in counts)


def _pairwise(surest, campaign_of, size) -> dict:
    """Pairs of accounts in one case against pairs of one campaign."""
    together = _pairs(Counter(ref for _, ref, _ in surest.values()).values())
    right = _pairs(
        Counter(
            (ref, campaign_of.get(account))
            for account, (_, ref, _) in surest.items()
            if campaign_of.get(account)
        ).values()
    )
    planted = _pairs(size.values())
    precision = right / together if together else 0.0
    recall = right / planted if planted else 0.0
    both = precision + recall
    return {
        "precision": round(precision, 4),
        "recall": round(recall, 4),
        "f1": round(2 * precision * recall / both, 4) if both else 0.0,
    }
