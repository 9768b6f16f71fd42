"""What the pages of orders show: progress in parts, stages, rules, a screenful of items."""

from django.db.models import Count

from cases.models import Enforcement, EnforcementItem
from cases.services.order_plan import rules_of

PAGE = 100
Kind, State = Enforcement.Kind, Enforcement.State

# state of an item: words of the desk, class of its bar, icon, tone
ITEM_WORDS = [
    ("done", "read back", "ok", "check", "good"),
    ("sending", "being sent", "run", "clock", ""),
    ("unknown", "unknown", "unk", "warn", "up"),
    ("failed", "failed", "no", "x", "bad"),
    ("waiting", "waiting", "track", "new", ""),
    ("skipped", "left out", "skip", "no", ""),
]


def set_progress(orders: list[Enforcement]) -> None:
    """Set on each how many of its accounts are finished, in one query."""
    counts: dict[int, dict[str, int]] = {}
    items = EnforcementItem.objects.filter(enforcement__in=orders)
    for pk, state, n in items.values_list("enforcement", "state").annotate(n=Count("pk")):
        counts.setdefault(pk, {})[state] = n
    for order in orders:
        order.parts = parts_of(counts.get(order.pk, {}))


def progress_of(order: Enforcement) -> dict:
    found = order.items.values_list("state").annotate(n=Count("pk")).order_by()
    counts = dict(found)
    parts = parts_of(counts)
    return {
        "order": order,
        "counts": counts,
        "parts": parts,
        "said": said_of(parts),
        "stages": stages_of(order),
        "total": sum(counts.values()),
    }


def parts_of(counts: dict[str, int]) -> list[dict]:
    """Counts by state with their place in the bar, in percent."""
    total, left, parts = sum(counts.values()), 0.0, []
    for state, words, css, icon, tone in ITEM_WORDS:
        count = counts.get(state, 0)
        width = 100 * count / total if total else 0.0
        parts.append(
            {
                "state": state, "words": words, "css": css, "icon": icon, "tone": tone,
                "count": count, "left": f"{left:.2f}", "width": f"{width:.2f}",
            }
        )  # fmt: skip
        left += width
    return parts


def items_of(order: Enforcement, data) -> tuple[list[EnforcementItem], int | None, str]:
    """A screenful of accounts, paged by the account's key; the next key; the state shown."""
    state = data.get("state") if data.get("state") in EnforcementItem.State.values else ""
    rows = order.items.select_related("account")
    if state:
        rows = rows.filter(state=state)
    after = data.get("after", "")
    if after.isascii() and after.isdigit() and len(after) < 19:
        rows = rows.filter(account_id__gt=int(after))
    rows = list(rows.order_by("account_id")[: PAGE + 1])
    more, rows = len(rows) > PAGE, rows[:PAGE]
    words = {state: (words, icon, tone) for state, words, _, icon, tone in ITEM_WORDS}
    for row in rows:
        row.words, row.icon, row.tone = words[row.state]
    return rows, rows[-1].account_id if more else None, state


def stages_of(order: Enforcement) -> list[dict]:
    """The stages of a plan with the parts of their items; [] where all goes out at once."""
    if not order.staged:
        return []
    counts: dict[int, dict[str, int]] = {}
    found = order.items.values_list("stage", "state").annotate(n=Count("pk")).order_by()
    for stage, state, number in found:
        counts.setdefault(stage, {})[state] = number
    rows = []
    for stage, percent in enumerate(order.stages):
        parts = parts_of(counts.get(stage, {}))
        open_now = order.state == State.RUNNING and stage == order.stage
        left = any(p["count"] for p in parts if p["state"] in ("waiting", "sending", "unknown"))
        reached = order.begins_at is not None and stage <= order.stage
        if not reached:
            words = "left out" if order.finished_at else "waiting"
        elif open_now and left:
            words = "paused" if order.paused_at else "running"
        else:
            words = "done"
        rows.append(
            {
                "percent": percent,
                "accounts": sum(part["count"] for part in parts),
                "words": words,
                "parts": parts,
                "said": said_of(parts),
                "next": stage == order.stage + 1 and order.state == State.RUNNING,
            }
        )
    return rows


def said_of(parts: list[dict]) -> str:
    return ", ".join(f"{part['count']:,} {part['words']}" for part in parts if part["count"])


def stops_of(order: Enforcement) -> list[dict]:
    """The rules that pause it, while it may still be paused."""
    if order.state not in (State.REQUESTED, State.RUNNING):
        return []
    return rules_of(order, order.case)
