"""What a case says about itself: evidence, innocent explanations, priority, in words."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from cases import scoring
from cases.factors import growth_parts, harm_parts, p_abuse_parts
from cases.flip import flips
from cases.grouping import METHOD, Cluster, Evidence, Member
from cases.grouping.benign import Explanation, explain
from cases.grouping.rarity import CORE, probability
from cases.models import Case
from cases.services.flip_words import flip_data
from cases.services.group_figures import Known, Rows, figures, read_known, read_rows
from cases.services.group_words import attribute_name, list_words, odds_words, plural, why
from ingest.models import Census

TIERS = ("core", "likely", "possible")
SEARCH_BYTES = 20_000
SHOWN = ("template", "payment", "ip", "ip_prefix", "device", "registration", "harness",
         "user_agent", "email_domain", "partner_token")  # fmt: skip
NOUNS = {
    "template": "template", "payment": "payment card", "ip": "address", "ip_prefix": "network",
    "device": "device", "registration": "registration pattern", "harness": "harness",
    "user_agent": "client", "email_domain": "mail domain", "partner_token": "partner token",
}  # fmt: skip


def explain_clusters(clusters: Sequence[Cluster], *, census: Census | None) -> list["Explained"]:
    """The explanation of each cluster, in a constant number of queries."""
    known = read_known(clusters, census)
    return [
        Explained(cluster, rows, known)
        for cluster, rows in zip(clusters, read_rows(clusters), strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Tie:
    """Values of one kind that tie members: how many values, how many members carry any of them,
    the commonest one and how many members carry that.
    """

    kind: str
    values: int
    carriers: int
    top: int
    most: int


@dataclass
class Explained:
    """One cluster in words and figures. Nothing in it depends on the time of day."""

    cluster: Cluster
    rows: Rows
    known: Known

    @cached_property
    def evidence(self) -> list[list[dict]]:
        """By member, as the members table keeps it."""
        return [[self._entry(member, entry) for entry in member.evidence]
                for member in self.cluster.members]  # fmt: skip

    def _entry(self, member: Member, entry: Evidence) -> dict:
        said = {
            "family": entry.family,
            "bits": round(entry.bits, 4),
            "capped": entry.capped,
            "why": why(entry, member, self.known.attributes),
        }
        return said | ({"attribute": entry.attribute} if entry.attribute else {})

    @cached_property
    def chance(self) -> dict[int, float]:
        return {member.account: member.probability for member in self.cluster.members}

    @cached_property
    def benign(self) -> list[Explanation]:
        return explain(figures(self.cluster, self.rows, self.known))

    @cached_property
    def priority(self) -> scoring.Priority:
        fits = [explanation.fit for explanation in self.benign]
        days, last_day = self.rows.days, self.known.last_day(self.rows)
        growth = last_day and scoring.growth(
            days,
            last_day=last_day,
            known_days=self.known.days_known(self.rows),
            silent=bool(self.known.silent),
        )
        return scoring.priority(
            scoring.p_abuse(list(self.chance.values()), fits),
            scoring.harm_per_day(days, self.chance),
            growth,
        )

    @cached_property
    def ties(self) -> list[Tie]:
        """What ties the members, kind by kind; what ties most of them comes first."""
        values: dict[str, dict[int, int]] = {}
        carriers: dict[str, set[int]] = {}
        for link in self.cluster.links:
            kind = self.known.attributes[link.attribute].kind
            values.setdefault(kind, {})[link.attribute] = link.members
            carriers.setdefault(kind, set()).add(link.account)
        ties = []
        for kind in SHOWN:
            if kind in values:
                top = max(values[kind], key=lambda attribute: (values[kind][attribute], -attribute))
                tie = Tie(kind, len(values[kind]), len(carriers[kind]), top, values[kind][top])
                ties.append(tie)
        return sorted(ties, key=lambda tie: -tie.carriers)

    def _tied(self, tie: Tie) -> str:
        """template T-88 on 56 of them · 8 payment cards on 51 of them."""
        members = len(self.cluster.members)
        if 2 * tie.most >= members:
            return f"{attribute_name(self.known.attributes[tie.top])} on {tie.most:,} of them"
        return f"{plural(tie.values, NOUNS[tie.kind])} on {tie.carriers:,} of them"

    @cached_property
    def reason(self) -> str:
        """Why it is here, in one line."""
        said = [self._tied(tie) for tie in self.ties[:3]]
        who = (
            f"{plural(len(self.cluster.members), 'account')} of "
            f"{plural(self.cluster.organisations, 'organisation')}"
        )
        return f"{who}: {list_words(said)}"[:300] if said else who

    @property
    def requests(self) -> int:
        return sum(day.requests for day in self.rows.days)

    def summary(self) -> list[str]:
        """What a lead would want to hear. Never a verdict."""
        cluster, priority = self.cluster, self.priority
        since = f"Since {self.rows.first:%-d %B}, " if self.rows.first else ""
        who = (
            f"{plural(len(cluster.members), 'account')} of "
            f"{plural(cluster.organisations, 'organisation')}"
        )
        did = f"have sent {self.requests:,} requests" if self.requests else "are tied together"
        tied = [self._tied(tie) for tie in self.ties[:4]]
        said = [f"{since}{who} {did}.", f"They share {list_words(tied)}."]
        expected = sum(self.chance.values())
        said.append(f"We expect {expected:,.0f} of them to belong to one operator.")
        meeting = cluster.meeting
        if meeting:
            first, second = meeting.families
            said.append(
                f"{meeting.both:,} organisations carry both its {first} and its {second} values; "
                f"by chance it would be {_few(meeting.expected)}."
            )
        if priority.harm_per_day:
            pace = (
                "growth is not known"
                if priority.growth is None
                else (f"{priority.growth:+.0%} on the week before")
            )
            said.append(
                f"They take {priority.harm_per_day / scoring.MILLION:,.1f} M weighted output "
                f"tokens a day; {pace}."
            )
        held = sum(not m.flagged or m.aggregate for m in cluster.members)
        if held:
            said.append(
                f"{plural(held, 'member')} came in by ties alone or stand for many people, and "
                "are held at possible."
            )
        open_ones = [e.name for e in self.benign if e.fit not in ("does not fit", "not tested")]
        if open_ones:
            said.append(f"Still possibly innocent: {list_words(open_ones)}.")
        return said

    def would_change(self) -> str:
        """What would take the median member of the surest tier below likely."""
        member = self._median_of(next(tier for tier in TIERS if self._of(tier)))
        total = member.bits
        best = max(member.evidence[1:], key=lambda entry: entry.bits, default=None)
        if best is None:
            return "Nothing but a person's word holds it together."
        without = float(probability(total - best.bits))
        weighs = f"the median {member.tier} member would be at {odds_words(without)}"
        if without >= CORE:
            return (
                f"No innocent owner of one thing alone: even without what is shared in "
                f"{best.family}, {weighs}."
            )
        return (
            f"An innocent owner of what is shared in {best.family}: without it {weighs} instead of "
            f"{odds_words(member.probability)}."
        )

    def _of(self, tier: str) -> list[Member]:
        return [member for member in self.cluster.members if member.tier == tier]

    def _median_of(self, tier: str) -> Member:
        members = sorted(self._of(tier), key=lambda member: (member.bits, member.account))
        return members[(len(members) - 1) // 2]

    def _waterfall(self, tier: str) -> list[dict]:
        members = self._of(tier)
        if not members:
            return []
        having = Counter(entry.family for member in members for entry in member.evidence)
        member = self._median_of(tier)
        return [
            {
                "family": entry.family,
                "what": why(entry, member, self.known.attributes),
                "bits": round(entry.bits, 4),
                "capped": entry.capped,
                "members": having[entry.family],
            }
            for entry in member.evidence
        ]

    def fill(self, case: Case, tally: dict) -> None:
        """Set the computed fields; tally is the case's members as they are now in the table."""
        priority, rows, cluster = self.priority, self.rows, self.cluster
        last_day = self.known.last_day(rows)
        core = frozenset(m.account for m in cluster.members if m.tier == "core")
        taken = scoring.extraction(rows.days, self.chance, core)
        case.reason = self.reason
        case.priority, case.p_abuse = priority.value, priority.p_abuse
        case.harm_per_day, case.growth = priority.harm_per_day, priority.growth
        case.core, case.likely, case.possible = (tally.get(tier, 0) for tier in TIERS)
        case.expected_members = tally.get("expected", 0.0)
        case.new_since_decision = tally.get("since", 0)
        case.trend = scoring.trend(rows.days, last_day=last_day) if last_day else []
        case.first_activity_at, case.last_activity_at = rows.first, rows.last
        census = self.known.census
        case.explanation = {
            "method": METHOD,
            "census": census and {"as_of": census.as_of.isoformat(), "accounts": census.accounts},
            "prior": self.known.prior,
            "calibrated": self.known.calibrated,
            "evidence": {tier: self._waterfall(tier) for tier in TIERS},
            "benign": [{"name": e.name, "fit": e.fit, "why": e.why} for e in self.benign],
            "priority": {
                "p_abuse": priority.p_abuse,
                "harm_per_day": priority.harm_per_day,
                "growth_factor": 1 + max(priority.growth or 0.0, 0.0),
                "says": priority.says,
                "parts": self._parts(),
            },
            "extraction": taken | {"since": taken["since"] and taken["since"].isoformat()},
            "organisations": cluster.organisations,
            "aggregates": sum(member.aggregate for member in cluster.members),
            "expected_innocent": {
                tier: round(sum(1 - member.probability for member in self._of(tier)), 2)
                for tier in TIERS
            },
            "context": [
                {"attribute": hub.attribute, "what": attribute_name(
                    self.known.attributes[hub.attribute]), "members": hub.members}
                for hub in cluster.hubs
            ],
            "bridges_cut": [
                {"ties": len(b.ties), "conductance": b.conductance, "sizes": list(b.sizes)}
                for b in cluster.bridges
            ],
            "silent_detectors": self.known.silent,
            "would_change": self.would_change(),
            "flip": flip_data(
                flips(cluster.members, self._fits), self._fits, self.known.attributes
            ),
            "summary": self.summary(),
        }  # fmt: skip
        case.search_text = self._search_text(case)

    @property
    def _fits(self) -> dict[str, str]:
        return {explanation.name: explanation.fit for explanation in self.benign}

    def _parts(self) -> dict:
        """The figures that the priority is made of."""
        days = self.rows.days
        return {
            "p_abuse": p_abuse_parts(list(self.chance.values()), self._fits),
            "harm": harm_parts(days, self.priority.harm_per_day),
            "growth": growth_parts(
                days,
                last_day=self.known.last_day(self.rows),
                known_days=self.known.days_known(self.rows),
                silent=self.known.silent,
            ),
        }

    def _search_text(self, case: Case) -> str:
        members = Counter({x.attribute: x.members for x in self.cluster.links})
        parts = [case.ref, case.name, case.reason]
        for attribute, _ in sorted(members.items(), key=lambda item: (-item[1], item[0])):
            row = self.known.attributes[attribute]
            parts += [row.value, row.label] if row.label else [row.value]
        parts += [self.known.accounts[m.account].external_id for m in self.cluster.members]
        size, kept = 0, []
        for part in parts:
            size += len(part.encode()) + 1
            if size > SEARCH_BYTES:
                break
            kept.append(part)
        return "\n".join(kept)


def _few(expected: float) -> str:
    return "less than one" if expected < 1 else f"about {expected:,.0f}"
