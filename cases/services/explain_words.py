"""A member's explanation and a chain of ties in words. Values are strangers' text: never markup."""

from collections.abc import Mapping

from cases.grouping import METHOD
from cases.grouping.explain import FamilySum, Membership, Term, Without
from cases.services.explain_chain import Chain
from cases.services.explain_member import Explanation
from cases.services.group_words import attribute_name, odds_words, plural
from ingest.models import Attribute

NAMED = 2  # values of one family that the sentence names
CHANGES = 0.005


def term_name(term: Term, attributes: Mapping[int, Attribute]) -> str:
    if term.attribute is None:
        return "a detector's observation of them together"
    return attribute_name(attributes[term.attribute])


def unit_of(attribute: Attribute | None) -> str:
    """What d and N of a value count: organisations where the census counted those."""
    census = attribute and attribute.census
    return (
        "organisations"
        if census and census.organisations and attribute.organisations
        else ("accounts")
    )


def signed(bits: float) -> str:
    return f"{bits:+.1f}".replace("-", "−")


def counted(term: Term, attribute: Attribute | None) -> str:
    """on 16 of 412,000 accounts."""
    if term.carriers is None or term.population is None:
        return "by its p-value"
    return f"on {term.carriers:,.0f} of {term.population:,.0f} {unit_of(attribute)}"


def odds_without(without: Without) -> str:
    if not without.tied:
        return "no second kind of evidence would tie it, and it would leave the case"
    if without.leaves:
        return f"it would be {odds_words(without.probability)} and leave the case"
    return f"it would be {odds_words(without.probability)}"


def sentence(told: Explanation) -> str:
    """0.98: payment card … shared with 14 other organisations, on 16 of 412,000 accounts (9.3 bits)
    + template T-12 … (9.1 bits, 8.0 counted); without …: it would be 0.41."""
    now = told.now
    if now is None:
        return _stored_sentence(told)
    families = [_family_words(family, told) for family in now.families]
    text = f"{odds_words(now.probability)}: {' + '.join(families) or 'nothing that it shares'}"
    text += f", from {signed(now.prior_bits)} bits before any evidence"
    if now.held:
        text += "; " + (
            "it stands for many people" if now.aggregate else "no detector has flagged it"
        )
        text += " and is held at possible"
    return f"{text}. {decisive(told)}"


def decisive(told: Explanation) -> str:
    """What the membership rests on: the one thing without which it would be least."""
    now = told.now
    tried = [term for term in now.terms if term.without]
    worst = min(tried, key=lambda term: _rank(term.without), default=None)
    family = min(now.families, key=lambda f: _rank(f.without), default=None)
    if family is None:
        return "Nothing that it shares with the case counts."
    said = []
    if not now.tied:
        return "Fewer than two kinds of evidence tie it now: the next run leaves it out."
    if worst and (now.probability - worst.without.probability > CHANGES or worst.without.leaves):
        said.append(f"Without {term_name(worst, told.attributes)}: {odds_without(worst.without)}.")
    elif tried:
        said.append("No single value decides: without any one of them it would be as sure.")
    said.append(f"Without all of {family.family}: {odds_without(family.without)}.")
    return " ".join(said)


def _rank(without: Without) -> tuple[bool, float]:
    return without.tied, without.probability


def _family_words(family: FamilySum, told: Explanation) -> str:
    terms = [
        term for term in told.now.terms
        if term.family == family.family and term.speaks and term.adds > 0
    ]  # fmt: skip
    counts = f"{family.raw:.1f} bits"
    if family.raw - family.bits > 0.05:  # as figures are shown
        counts += f", capped at {family.bits:.1f}"
    if not terms or family.alone >= sum(term.adds for term in terms):
        return f"a {family.family} detector's word about this account alone ({counts})"
    first = terms[0]
    said = (
        f"{term_name(first, told.attributes)} shared with "
        f"{plural(first.shared, 'other organisation')}, "
        f"{counted(first, told.attributes.get(first.attribute))}"
    )
    rest = terms[1:]
    if rest:
        names = [term_name(term, told.attributes) for term in rest[: NAMED - 1]]
        more = len(rest) - len(names)
        said += f" and {', '.join(names)}" + (f" and {more} more" if more else "")
    return f"{said} ({counts})"


def _stored_sentence(told: Explanation) -> str:
    member = told.member
    rows = [row for row in member.evidence if row.get("family") != "prior"]
    said = [f"{row['family']} {signed(row['bits'])} bits" for row in rows]
    if member.method == METHOD:
        who = "grouping before an entry of the allow-list left the account out"
    elif rows:
        who = f"{member.method}, which is not the membership formula"
    else:
        who = "a person"
    return (
        f"{odds_words(member.probability)}: {', '.join(said) or 'no evidence is stored'}. "
        f"Said by {who}: what it would be without a part is not worked out."
    )


def chain_words(chain: Chain) -> str:
    """One sentence about a chain, honest about none."""
    if chain.hops is None:
        return "No chain of stored ties leads from one to the other."
    if not chain.hops:
        return "That is one account."
    if not chain.ties:
        return "One organisation owns both: that is no tie between strangers, and counts nothing."
    said = f"{plural(chain.ties, 'tie')} from one to the other"
    inside = len(chain.hops) - chain.ties
    if inside:
        said += f", with {plural(inside, 'step')} inside one organisation"
    return f"{said}; the weakest is {chain.weakest:.1f} bits."


def membership_data(told: Explanation) -> dict:
    """The same as plain values, for the API and for tests."""
    now, member = told.now, told.member
    data = {
        "account": member.account.external_id,
        "stored_probability": member.probability,
        "method": member.method,
        "as_of": told.as_of,
        "sentence": sentence(told),
        "worked_out": now is not None,
    }
    return data | (_now_data(now, told) if now else NOTHING)


NOTHING = {
    "probability": None, "prior": None, "prior_bits": None, "held_bits": None, "voters": None,
    "families": [], "terms": [],
}  # fmt: skip


def _now_data(now: Membership, told: Explanation) -> dict:
    return {
        "probability": now.probability,
        "prior": now.prior,
        "prior_bits": now.prior_bits,
        "held_bits": now.held,
        "voters": now.voters,
        "families": [
            {
                "family": family.family,
                "bits": family.bits,
                "bits_before_cap": family.raw,
                "cap": family.cap,
                "capped": family.capped,
                "without": _without_data(family.without),
            }
            for family in now.families
        ],
        "terms": [
            {
                "family": term.family,
                "kind": term.kind,
                "name": term_name(term, told.attributes),
                "shared_with": term.shared,
                "carriers": term.carriers,
                "population": term.population,
                "counted_in": None
                if term.carriers is None
                else unit_of(told.attributes.get(term.attribute)),
                "rarity_bits": term.rarity,
                "bits_here": term.here,
                "adds": term.adds,
                "counts": term.speaks,
                "without": term.without and _without_data(term.without),
            }
            for term in now.terms
        ],
    }


def _without_data(without: Without) -> dict:
    return {
        "probability": without.probability,
        "tied": without.tied,
        "leaves": without.leaves,
    }
