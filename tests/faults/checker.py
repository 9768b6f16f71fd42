"""Holds what the platforms wrote down against the outcome rows: what must be true after a fire."""

import json
from collections import Counter, defaultdict
from pathlib import Path

from cases.models import Enforcement, EnforcementItem, TimelineEvent


def problems(file: Path) -> list[str]:
    """Each broken promise as a sentence; empty: all were kept. One effect for each item is the
    promise where a platform honours keys or can be read; at most one try with an unknown end is
    the promise where it does neither.
    """
    lines = [json.loads(line) for line in file.read_bytes().splitlines() if line.endswith(b"}")]
    by_key = defaultdict(list)
    for line in lines:
        by_key[line["key"]].append(line)
    found = []
    known = set()
    rows = EnforcementItem.objects.select_related("account", "enforcement__connector")
    for item in rows.iterator(chunk_size=2_000):
        key = str(item.key)
        known.add(key)
        found += _of_item(item, by_key.get(key, []))
    found += [f"{key} came to a platform and is no item's" for key in by_key if key not in known]
    return found + _order_per_account(lines) + _ends()


def _of_item(item: EnforcementItem, lines: list[dict]) -> list[str]:
    platform = item.enforcement.connector.slug
    effects = sum(line["effect"] for line in lines)
    name = f"{item.enforcement.ref} {item.account.external_id} ({platform}, {item.state})"
    if platform == "blind":
        tries = sum(line["fault"] != "429" for line in lines)  # which says that nothing was done
        wrong = []
        if tries > 1:
            wrong.append(f"{name} was tried {tries} times, and nobody could tell what it did")
        if item.state == "done" and effects != 1:
            wrong.append(f"{name} had {effects} effects")
        if item.state not in ("done", "failed", "unknown"):
            wrong.append(f"{name} has no end")
        return wrong
    redirected = any(line["fault"] == "redirect" for line in lines)
    if item.state == "done" and effects == 1:
        return []
    if item.state == "failed" and redirected and not effects:
        return []
    return [f"{name} had {effects} effects: {[line['fault'] or 'well' for line in lines]}"]


def _order_per_account(lines: list[dict]) -> list[str]:
    """A limit was approved before a suspension: it never takes effect after it."""
    last, wrong = {}, []
    for line in lines:
        place = line["platform"], line["account"]
        if line["effect"] and line["state"] == "limited" and last.get(place) == "suspended":
            wrong.append(f"{line['account']} was limited after it had been suspended")
        if line["effect"]:
            last[place] = line["state"]
    return wrong


def _ends() -> list[str]:
    wrong = []
    for order in Enforcement.objects.all():
        if order.state != "done" or not order.finished_at:
            wrong.append(f"{order.ref} has no end")
    told = Counter(
        TimelineEvent.objects.filter(kind="enforcement_finished").values_list(
            "content__body__order", flat=True
        )
    )
    wrong += [f"{ref} ended {count} times" for ref, count in told.items() if count != 1]
    if len(told) != Enforcement.objects.count():
        wrong.append(f"{len(told)} orders told their end")
    return wrong
