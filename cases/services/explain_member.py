"""One member's explanation, worked out again from the facts as they are now."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.db.models import Q
from django.utils import timezone

from cases.grouping import METHOD, Facts
from cases.grouping.explain import Membership, explain_member
from cases.grouping.rarity import CONTEXT_BITS, FAMILIES, KINDS, few, rarity_bits
from cases.models import Member
from cases.services.calibrate import in_force
from cases.services.group_copy import copy_out
from cases.services.group_read import ACCOUNTS, ATTRIBUTES, CODE, SIGNALS, USES, networks, worth
from cases.services.left_out import LeftOut, left_out
from cases.services.terms import current_prior
from ingest.models import Attribute

SAME = 0.005  # a difference that no figure shows


@dataclass(frozen=True)
class Explanation:
    """A member with the terms of its membership. now: None where another formula or a person said
    it, or an allow-list entry holds it, and then only the stored evidence tells; attributes: those
    of the terms."""

    member: Member
    now: Membership | None
    attributes: dict[int, Attribute]
    as_of: datetime

    @property
    def moved(self) -> bool:
        """The facts or the votes have changed since the run that stored the member."""
        return self.now is not None and abs(self.now.probability - self.member.probability) > SAME


def explain(member: Member) -> Explanation:
    """The membership formula over this member's own values, in a constant number of queries.

    Read are its uses, what the case's voters share of them, and every carrier of those that few
    carry: work follows the member's values and the case's size, never the table's.
    """
    now, attributes = None, {}
    out = left_out()
    if member.method == METHOD and member.account_id not in out.accounts:
        voters = _voters(member)
        now = explain_member(
            _facts(member, voters, out),
            prior=current_prior(),
            account=member.account_id,
            voters=voters,
        )
        wanted = [term.attribute for term in now.terms if term.attribute]
        attributes = Attribute.objects.select_related("census").in_bulk(wanted)
    return Explanation(member, now, attributes, timezone.now())


def _voters(member: Member) -> set[int]:
    """Who votes in the case: those who belong, save keys that stand for many, and whom a person
    put in."""
    voters = Member.objects.current().filter(
        Q(account__is_aggregate=False) | Q(verdict=Member.Verdict.IN)
    )
    voters = voters.filter(case=member.case_id).exclude(verdict=Member.Verdict.OUT)
    return set(voters.values_list("account_id", flat=True))


def _facts(member: Member, voters: set[int], out: LeftOut) -> Facts:
    """As grouping reads them, without what it leaves out."""
    mine = [member.account_id]
    use = out.rows(_of(USES, mine, "u.account_id", "iitt"), attribute=1)
    attribute = _of(ATTRIBUTES, use[1], "a.id", "iiff", kinds=KINDS)
    rarity = rarity_bits(attribute[2], attribute[3])
    counts = np.nan_to_num(rarity) >= CONTEXT_BITS
    inside = _of(USES, attribute[0][counts], "u.attribute_id", "iitt", among=voters)
    shared = np.isin(attribute[0], inside[1]) & counts & few(attribute[2], attribute[3])
    # a value that few carry divides into episodes, by everybody's use of it
    around = _of(USES, attribute[0][shared], "u.attribute_id", "iitt")
    uses = [np.concatenate(parts) for parts in zip(use, inside, around, strict=True)]
    told = SIGNALS.replace("{where}", out.signals)
    signal = _of(told, mine, "s.account_id", "iifif", families=FAMILIES)
    group = np.unique(signal[3][signal[3] < 0])
    if len(group):
        on = f"s.group_key <> '' AND {CODE}"
        fellows = out.rows(_of(told, group, on, "iifif", families=FAMILIES))
        own = signal[3] >= 0
        signal = [np.concatenate((a[own], b)) for a, b in zip(signal, fellows, strict=True)]
    signal = worth(signal, in_force().curves)
    who = np.unique(np.concatenate((uses[0], signal[0], mine, sorted(voters)))).astype(np.int64)
    account = out.rows(_of(ACCOUNTS, who, "a.id", "iii"))
    return Facts.from_tables(
        account=account, attribute=attribute, use=uses, signal=signal, networks=networks
    )


def _of(query: str, ids, column: str, shape: str, *, among=None, **lists) -> list[np.ndarray]:
    """Rows of one of grouping's own queries whose column is one of the ids; among: and whose
    account is one of these."""
    on = f"ON {column} = w.id"
    if among is not None:
        on += f" WHERE u.account_id = ANY({_array(sorted(among))})"
    return copy_out(query.format(of=f"unnest({_array(ids)}) w (id) JOIN", on=on), shape, **lists)


def _array(ids) -> str:
    return f"ARRAY[{','.join(str(int(pk)) for pk in ids)}]::bigint[]"
