"""Accounts that come soon after an action and take up what was acted upon: the next wave.

A sweep finds them from rows; run again it changes nothing more. docs/grouping.md, "Waves".
"""

import math
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from cases import scoring
from cases.errors import CaseError
from cases.grouping.rarity import (
    CAPS,
    LIKELY_BITS,
    POSSIBLE_BITS,
    M,
    log_odds,
    probability,
    tier,
)
from cases.models import Case, Constraint, Enforcement, Member, Operator, TimelineEvent
from cases.names import case_name
from cases.services.carry import carry_members, recount
from cases.services.constrain import bind, extend, hold_grouping
from cases.services.group_words import attribute_name, plural, prevalence
from cases.services.operators import next_wave
from cases.services.successors import DIRECT, SMALLEST, Newcomer, acted_since, find_successors
from cases.services.terms import current_prior
from cases.services.timeline import append_event
from ingest.models import Attribute

METHOD = "wave-1"
GRACE = timedelta(days=7)  # logs and censuses that tell of the window may come so much later
HELD_BITS = LIKELY_BITS - 0.01


def open_waves(now: datetime | None = None) -> list[Case]:
    """The sweep: open or extend the wave after each action. Returns the cases that changed."""
    now = now or timezone.now()
    since = now - timedelta(days=settings.WAVE_DAYS) - GRACE
    acted = acted_since(since)
    changed = []
    for pk, (chosen, fresh) in find_successors(acted, days=settings.WAVE_DAYS).items():
        if not chosen:
            continue
        try:
            with transaction.atomic():
                case = _write(pk, acted[pk], chosen, fresh)
        except CaseError:
            break  # grouping is at work: the next sweep finds them again
        changed += [case] if case else []
    return changed


def _write(order_pk: int, acted_at: datetime, chosen: list[Newcomer], fresh: int) -> Case | None:
    hold_grouping()
    order = Enforcement.objects.select_related("case").get(pk=order_pk)
    before = Case.objects.select_for_update().get(pk=order.case_id)
    if before.merged_into_id:
        before = Case.objects.select_for_update().get(pk=before.merged_into_id)
    wave = Case.objects.filter(after_order=order).order_by("pk").first()
    if wave and (wave.merged_into_id or wave.predecessor_id is None):
        return None  # a person merged it, or unlinked it: their word holds
    known = set(Member.objects.filter(case=wave).values_list("account_id", flat=True))
    ruled = Member.objects.filter(case=before).exclude(verdict="")
    known |= set(ruled.values_list("account_id", flat=True))
    new = [n for n in chosen if n.account not in known]
    if not new or (wave is None and len(new) < SMALLEST):
        return None
    ties = _ties(new)
    if wave is None:
        wave = _there_already(before, new, acted_at) or _open(before, order, new, ties)
        _link(before, wave, order)
        opened = True
    else:
        wave, opened = Case.objects.select_for_update().get(pk=wave.pk), False
    joined = _join(before, wave, order, new, acted_at, fresh, ties)
    if not opened and not joined:
        return None
    _keep_apart(before, wave, order, new)
    recount(before, wave)
    wave.refresh_from_db()
    _tell(before, wave, order, joined, opened, ties)
    return wave


def _there_already(before: Case, new: list[Newcomer], acted_at: datetime) -> Case | None:
    """The case that grouping opened for them since: one that holds half of them or more."""
    accounts = [n.account for n in new]
    mine = Member.objects.current().filter(account__in=accounts)
    likely = Case.objects.filter(
        pk__in=mine.values("case"), opened_at__gt=acted_at,
        merged_into=None, operator=None, predecessor=None,
    ).exclude(pk=before.pk)  # fmt: skip
    for case in likely.order_by("pk").select_for_update():
        there = Member.objects.current().filter(case=case, account__in=accounts).count()
        if 2 * there >= len(accounts):
            return case
    return None


def _open(before: Case, order: Enforcement, new: list[Newcomer], ties: list[Attribute]) -> Case:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('cases_case_number')")
        number = cursor.fetchone()[0]
    said = " and ".join(attribute_name(attribute) for attribute in ties[:2])
    days = plural(settings.WAVE_DAYS, "day")
    reason = (
        f"{plural(len(new), 'account')} first seen within {days} of {order.ref} on {before.ref} "
        f"take up its {said}"
    )[:300]
    case = Case.objects.create(
        number=number,
        name=case_name(number),
        reason=reason,
        due_at=scoring.due_at(before.priority, timezone.now()),
        tlp=before.tlp,
        legal_hold=before.legal_hold,
        restricted=before.restricted,
        explanation={"summary": [f"{reason}.", "Grouping has not told yet what else ties them."]},
    )
    case.search_text = "\n".join([case.ref, case.name, reason])
    case.save(update_fields=["search_text"])
    case.readers.set(before.readers.all())
    append_event(
        case,
        TimelineEvent.Kind.CASE_OPENED,
        actor=None,
        content={"members": len(new), "reason": reason},
    )
    return case


def _link(before: Case, wave: Case, order: Enforcement) -> None:
    """Put both under one operator, the wave behind what it followed."""
    if before.operator_id is None:
        before.operator = Operator.objects.create(name=before.name)
    if before.wave is None:
        before.wave = next_wave(before.operator)
    before.save(update_fields=["operator", "wave"])
    wave.operator, wave.wave = before.operator, next_wave(before.operator)
    wave.predecessor, wave.after_order = before, order
    wave.save(update_fields=["operator", "wave", "predecessor", "after_order"])


def _join(before, wave, order, new, acted_at, fresh, ties) -> int:
    """Bring newcomers into the wave: those that joined the predecessor since move, others are told
    by what they took up and held at possible until grouping says more."""
    accounts = [n.account for n in new]
    moving = Member.objects.current().filter(case=before, account__in=accounts)
    pairs = list(moving.values_list("pk", "account_id"))
    if pairs:
        carry_members(None, before, wave, [pk for pk, _ in pairs], fresh=False)
    there = set(Member.objects.filter(case=wave).values_list("account_id", flat=True))
    names = {attribute.pk: attribute for attribute in ties}
    prior = current_prior()
    rows = []
    for newcomer in new:
        if newcomer.account in there:
            continue
        evidence = _evidence(newcomer, order, acted_at, fresh, names, prior)
        p = float(probability(sum(entry["bits"] for entry in evidence)))
        if p < float(probability(POSSIBLE_BITS)):
            continue
        rows.append(
            Member(
                case=wave, account_id=newcomer.account, probability=p, tier=tier(p),
                evidence=evidence, method=METHOD, flagged=False,
                since_decision=wave.verdict != Case.Verdict.UNDECIDED,
            )
        )  # fmt: skip
    Member.objects.bulk_create(rows, batch_size=2_000)
    return len(pairs) + len(rows)


def _evidence(newcomer: Newcomer, order, acted_at, fresh: int, names, prior) -> list[dict]:
    """The bars of the waterfall: prior, what was taken up, how soon, and what holds it."""
    odds = log_odds(prior)
    why = f"Before any evidence: 1 account in {1 / prior:,.0f} belongs"
    entries = [_bar("prior", odds, odds, why)]
    for family, value in sorted(newcomer.best.items(), key=lambda item: -item[1].bits):
        attribute = names[value.attribute]
        name = attribute_name(attribute)
        why = (
            f"{name[:1].upper()}{name[1:]} of {plural(value.wearers, 'account')} that {order.ref} "
            f"acted on, {prevalence(attribute)}"
        )
        bar = _bar(family, value.bits, min(value.bits, CAPS[family]), why)
        entries.append(bar | {"attribute": value.attribute})
    population = max(value.population for value in newcomer.best.values())
    soon = max(math.log2(M * population / fresh), 0.0)
    hours = (newcomer.first_seen_at - acted_at).total_seconds() / 3600
    entries.append(
        _bar(
            "timing", soon, min(soon, CAPS["timing"]),
            f"First seen {hours:,.0f} h after {order.ref} took effect; {fresh:,} of "
            f"{population:,} accounts were new in those {plural(settings.WAVE_DAYS, 'day')}",
        )
    )  # fmt: skip
    total = sum(entry["bits"] for entry in entries)
    if total > HELD_BITS:
        held = HELD_BITS - total
        entries.append(
            _bar("held", held, held, "Found by what it took up after an action: held at possible "
                 "until grouping tells what else ties it")
        )  # fmt: skip
    return entries


def _bar(family: str, raw: float, bits: float, why: str) -> dict:
    return {"family": family, "bits": round(bits, 4), "capped": raw > bits + 1e-9, "why": why}


def _ties(new: list[Newcomer]) -> list[Attribute]:
    """The values taken up, those of most newcomers first."""
    counts: dict[int, int] = {}
    for newcomer in new:
        for value in newcomer.best.values():
            counts[value.attribute] = counts.get(value.attribute, 0) + 1
    found = Attribute.objects.in_bulk(counts)
    return sorted(found.values(), key=lambda a: (a.kind not in DIRECT, -counts[a.pk], a.pk))


def _keep_apart(before: Case, wave: Case, order: Enforcement, new: list[Newcomer]) -> None:
    """A wave is a case of its own: it does not flow back into what it followed."""
    acted_on = order.items.filter(state="done").values_list("account_id", flat=True)
    left = set(acted_on) - {n.account for n in new}
    right = {n.account for n in new}
    standing = Constraint.objects.filter(
        left=before, right=wave, reshaping=None, lifted_at=None
    ).first()
    if standing:
        extend(standing, left, right)
    else:
        bind(
            Constraint.Kind.APART, before, wave,
            left_accounts=left, right_accounts=right, reshaping=None,
        )  # fmt: skip


def _tell(before, wave, order, joined, opened, ties) -> None:
    why = ", ".join(attribute_name(attribute) for attribute in ties[:3])
    told = {"accounts": joined, "order": order.ref, "wave": wave.wave, "why": f"taken up: {why}"}
    if not opened:
        append_event(
            wave,
            TimelineEvent.Kind.MEMBERS_CHANGED,
            actor=None,
            content={"joined": joined, "left": 0, "members": wave.members_total},
        )
        return
    kind = TimelineEvent.Kind.WAVE_OPENED
    for case, other, part in sorted(
        [(before, wave, "predecessor"), (wave, before, "wave")], key=lambda row: row[0].pk
    ):
        append_event(case, kind, actor=None, content=told | {"other": other.ref, "part": part})
