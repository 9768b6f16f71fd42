"""A member's explanation and the choice of two members, as the pages show them."""

from urllib.parse import urlencode

from django import forms

from analyst.forms import DeskForm
from cases.models import Case, Member
from cases.services.explain_chain import Chain
from cases.services.explain_member import Explanation
from cases.services.explain_words import counted, odds_without, term_name
from cases.services.group_words import attribute_name, prevalence
from ingest.models import Account

LONGEST = Account._meta.get_field("external_id").max_length
TERMS_SHOWN = 8  # of one family


class ChainForm(DeskForm):
    """Two members of a case, by the platform's id of their accounts."""

    start = forms.CharField(label="From", max_length=LONGEST)
    end = forms.CharField(label="To", max_length=LONGEST)

    def __init__(self, case: Case, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.case = case

    def clean(self):
        """Accounts in the place of their ids."""
        chosen = super().clean()
        names = {name: chosen[name] for name in ("start", "end") if name in chosen}
        found = {
            member.account.external_id: member.account
            for member in Member.objects.current()
            .filter(case=self.case, account__external_id__in=set(names.values()))
            .select_related("account")
        }
        for name, external_id in names.items():
            if external_id in found:
                chosen[name] = found[external_id]
            else:
                self.add_error(
                    name,
                    f"No member of {self.case.ref} has this id now. "
                    "Copy one from the members table.",
                )
        return chosen


def picked(case: Case, ticked: list[str]) -> str:
    """The query string that names two ticked members; what was not two is left for the form."""
    keys = [int(pk) for pk in ticked[:3] if pk.isascii() and pk.isdigit() and len(pk) < 19]
    names = dict(
        Member.objects.current()
        .filter(case=case, pk__in=keys)
        .values_list("pk", "account__external_id")
    )
    chosen = [names[pk] for pk in keys if pk in names][:2]
    fields = {"start": chosen[0] if chosen else "", "end": chosen[1] if len(chosen) > 1 else ""}
    return "?" + urlencode(fields)


def rows_of(told: Explanation) -> list[dict]:
    """A row a family, the weightiest first, with its terms; figures still numbers."""
    if told.now is None:
        return []
    rows = []
    for family in told.now.families:
        terms = [
            {
                "name": term_name(term, told.attributes),
                "shared": term.shared,
                "counted": counted(term, told.attributes.get(term.attribute)),
                "one_in": term.population / term.carriers if term.carriers else None,
                "rarity": term.rarity,
                "here": term.here,
                "adds": term.adds if term.speaks else None,
                "without": term.without,
                "says": odds_without(term.without) if term.without else "",
            }
            for term in told.now.terms
            if term.family == family.family
        ]
        rows.append(
            {
                "family": family,
                "terms": terms[:TERMS_SHOWN],
                "more": max(len(terms) - TERMS_SHOWN, 0),
                "alone": family.alone and family.alone >= family.raw,
                "says": odds_without(family.without),
            }
        )
    return rows


def hops_of(chain: Chain) -> list[dict]:
    """The steps of a chain; without a name where one organisation owns both ends."""
    return [
        {
            "start": hop.start,
            "end": hop.end,
            "name": hop.attribute and attribute_name(hop.attribute),
            "rarity": hop.attribute and prevalence(hop.attribute),
            "bits": hop.bits,
            "also": [attribute_name(value) for value in hop.also],
            "more": hop.more,
        }
        for hop in chain.hops or []
    ]
