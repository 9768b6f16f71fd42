"""The whole population of a log, counted once for all detectors: who, and what they carry."""

import functools
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import cached_property

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from ingest.detectors.attributes import COLUMNS, attribute_uses, party
from ingest.detectors.crossing import exporting, is_locked
from ingest.detectors.findings import digest
from ingest.detectors.hubs import hub_marks
from ingest.detectors.likeness import Likeness
from ingest.detectors.prompts import prompts_of
from ingest.detectors.routes import STRANGERS, Routes, follow
from ingest.detectors.templates import DEFINITIONS, USES, Templates, find_templates
from ingest.detectors.warehouse import keep
from ingest.services import AttributeCount, PopulationUse
from ingest.wire import AccountRef, Prevalence, SharedAttribute

MOST_ATTRIBUTES = 200  # of one observation (ingest/wire.py)
MOST_COMPARED = 20_000  # accounts whose content is compared, those tied to strangers first
MOST_OWN = 20  # of those, values that nobody else carries
# What leaves a locked log with the population: who, and which values they share.
EXPORTS = frozenset({"account_id", "organisation", "plan", *COLUMNS.values()})


def counted(method):
    """What the method fetches is the population's, whichever detector asked for it first."""

    @functools.wraps(method)
    def fetching(self, *args, **kwargs):
        with exporting("population", EXPORTS):
            return method(self, *args, **kwargs)

    return fetching


class Population:
    """Counts over one log. Each is computed when first asked for, in the warehouse.

    window says which span the requests were cut to, either end None where it is open: there the
    first or the last request stands.
    """

    def __init__(
        self, requests: ir.Table, window: tuple[datetime | None, datetime | None] = (None, None)
    ):
        self.requests = requests
        self.bounds = window

    @property
    def locked(self) -> bool:
        """Whether the log may not leave its warehouse: no templates then, and no routes."""
        return is_locked()

    @cached_property
    @counted
    def accounts(self) -> pd.DataFrame:
        """By account_id: organisation ("" not recorded), party, plan, created_at, first_at,
        last_at, requests, active_days, active_hours, busiest_hour, addresses."""
        t = self.requests
        hours = t.group_by("account_id", hour=t["at"].truncate("h")).aggregate(n=t.count())
        by_hour = hours.group_by("account_id").aggregate(
            active_hours=hours.count(), busiest_hour=hours.n.max()
        )
        grouped = t.group_by("account_id").aggregate(
            organisation=t.organisation.max(),
            party=party(t).max(),
            plan=t.plan.max(),
            created_at=t.account_created_at.min(),
            first_at=t["at"].min(),
            last_at=t["at"].max(),
            requests=t.count(),
            active_days=t["at"].truncate("D").nunique(),
            addresses=t.ip.nunique(),
        )
        frame = grouped.join(by_hour, "account_id").execute()
        frame["organisation"] = frame.organisation.astype(object).where(
            frame.organisation.notna(), ""
        )
        frame["plan"] = frame.plan.astype(object).where(frame.plan.notna(), "")
        return frame.sort_values("account_id").set_index("account_id")

    @cached_property
    def organisations(self) -> int:
        """Parties: organisations, and accounts where no organisation is recorded."""
        return self.accounts.party.nunique()

    @cached_property
    def window(self) -> tuple[datetime, datetime]:
        since, until = self.bounds
        return (
            since or moment(self.accounts.first_at.min()),
            until or moment(self.accounts.last_at.max()),
        )

    @cached_property
    @counted
    def uses(self) -> ir.Table:
        """attributes.attribute_uses, kept in the warehouse."""
        return keep(attribute_uses(self.requests))

    @cached_property
    def templates(self) -> Templates:
        """Of a locked log none: a wording is a part of prompts."""
        if self.locked:
            return Templates(pd.DataFrame(columns=DEFINITIONS), pd.DataFrame(columns=USES))
        with exporting("templates", frozenset()):
            return find_templates(self.requests)

    @cached_property
    @counted
    def shared(self) -> pd.DataFrame:
        """d(v) of every value that two accounts or more carry: kind, value, label, accounts,
        organisations; templates included."""
        counted = self.uses.group_by("kind", "value").aggregate(
            accounts=self.uses.account_id.nunique(),
            organisations=self.uses.organisation.nunique(),
        )
        frame = counted.filter(counted.accounts >= 2).execute().assign(label="")
        templates = self.templates.definitions.rename(columns={"template": "value"})
        frame = pd.concat([frame, templates.assign(kind="template")], ignore_index=True)
        return frame.sort_values(["kind", "value"], ignore_index=True)

    @cached_property
    @counted
    def hubs(self) -> dict[tuple[str, str], str]:
        """hubs.hub_marks: what brings strangers to a value, for those that have a mark."""
        return hub_marks(self.requests, self.uses)

    @property
    def cap(self) -> int:
        """Values that more accounts than this carry are counted, but not who carries them: 200 or
        2 % of the accounts, whichever is smaller, and 10 in a very small log."""
        return max(10, min(200, len(self.accounts) // 50))

    @cached_property
    @counted
    def ties(self) -> pd.DataFrame:
        """The uses of values with 2 ≤ d ≤ cap, whoever carries them: account_id, kind, value,
        first_at, last_at, count, accounts, organisations."""
        return self._uses_of_shared(self.uses, self.templates.uses, self.cap)

    @counted
    def uses_by(self, names: Collection[str], most: int) -> pd.DataFrame:
        """As ties, for some accounts and up to so many carriers, whoever they are."""
        some = ibis.memtable({"account_id": sorted(names)})
        worded = self.templates.uses
        worded = worded[worded.account_id.isin(set(names))]
        return self._uses_of_shared(self.uses.semi_join(some, "account_id"), worded, most)

    def _uses_of_shared(self, uses: ir.Table, worded: pd.DataFrame, most: int) -> pd.DataFrame:
        few = self.shared[self.shared.accounts <= most]
        wanted = few[few.kind != "template"][["kind", "value", "accounts", "organisations"]]
        u = self.uses
        d = u.group_by("kind", "value").aggregate(n=u.account_id.nunique())
        d = d.filter((d.n >= 2) & (d.n <= most))
        rows = uses.semi_join(d, ["kind", "value"]).drop("organisation").execute()
        rows = rows.merge(wanted, on=["kind", "value"])
        templates = worded.rename(columns={"template": "value"})
        templates = templates.assign(kind="template").merge(
            few[few.kind == "template"][["kind", "value", "accounts", "organisations"]],
            on=["kind", "value"],
        )
        everything = pd.concat([rows, templates[rows.columns]], ignore_index=True)
        return everything.sort_values(["kind", "value", "account_id"], ignore_index=True)

    @cached_property
    def routes(self) -> Routes:
        """How alike those write who share something rare with another organisation."""
        tied = self.ties[(self.ties.organisations >= 2) & (self.ties.kind != "template")]
        ties_first = set(tied.account_id)
        order = sorted(self.accounts.index, key=lambda name: (name not in ties_first, digest(name)))
        compared = order[:MOST_COMPARED]
        strangers = sorted(self.accounts.index, key=digest)[:STRANGERS]
        with exporting("routes", frozenset()):
            likeness = Likeness(prompts_of(self.requests, sorted({*compared, *strangers})))
        party_code, _ = pd.factorize(self.accounts.party[likeness.names])
        positions = np.array(sorted(likeness.index[name] for name in strangers))
        return follow(likeness, party_code, self.ties, positions)

    def account_ref(self, account_id: str) -> AccountRef:
        row = self.accounts.loc[account_id]
        created = None if pd.isna(row.created_at) else moment(row.created_at)
        return AccountRef(
            id=account_id, organisation=row.organisation, plan=row.plan, created_at=created
        )

    def account_refs(self, names: Collection[str]) -> dict[str, AccountRef]:
        """account_ref of many at once."""
        known = self.accounts.loc[list(names)]
        rows = zip(
            known.index, known.organisation, known.plan, moments(known.created_at), strict=True
        )
        return {
            name: AccountRef(id=name, organisation=organisation, plan=plan, created_at=created)
            for name, organisation, plan, created in rows
        }

    def attribute_counts(self):
        """What record_population takes as attributes."""
        for row in self.shared.itertuples(index=False):
            yield AttributeCount(
                row.kind,
                row.value,
                row.label,
                int(row.accounts),
                int(row.organisations),
                self.hubs.get((row.kind, row.value), ""),
            )

    def population_uses(self):
        """What record_population takes as uses."""
        ties = self.ties
        refs = self.account_refs(ties.account_id.unique())
        rows = zip(
            ties.account_id, ties.kind, ties.value,
            moments(ties.first_at), moments(ties.last_at), ties["count"].tolist(), strict=True,
        )  # fmt: skip
        for account, kind, value, first, last, count in rows:
            yield PopulationUse(refs[account], kind, value, first, last, count)

    @counted
    def attributes_of(
        self, accounts: list[str], leading: Mapping[str, Collection[str]] | None = None
    ) -> dict[str, list[SharedAttribute]]:
        """What these accounts carry, at most MOST_ATTRIBUTES each, with its prevalence over the
        whole log: leading values (account → values) before all, then the rarest shared ones, then
        at most MOST_OWN that nobody else has."""
        if not accounts:
            return {}
        names = ibis.memtable({"account_id": sorted(accounts)})
        rows = self.uses.semi_join(names, "account_id").drop("organisation").execute()
        templates = self.templates.uses.rename(columns={"template": "value"}).assign(
            kind="template"
        )
        templates = templates[templates.account_id.isin(accounts)]
        rows = pd.concat([rows, templates[rows.columns]], ignore_index=True)
        rows = rows.merge(self.shared, on=["kind", "value"], how="left")
        rows["alone"] = rows.accounts.isna()
        rows = rows.fillna({"accounts": 1, "organisations": 1, "label": ""})
        leading = leading or {}
        rows["later"] = [
            value not in leading.get(account, ())
            for account, value in zip(rows.account_id, rows.value, strict=True)
        ]
        rows["seldom"] = -rows["count"].where(rows.alone, 0)
        order = ["account_id", "later", "alone", "accounts", "seldom", "kind", "value"]
        rows = rows.sort_values(order)
        rows = rows[~rows.alone | (rows.groupby(["account_id", "alone"]).cumcount() < MOST_OWN)]
        rows = rows[~rows.value.str.contains("\0", regex=False)]  # the desk can't keep it
        rows = rows.groupby("account_id").head(MOST_ATTRIBUTES)
        found: dict[str, list[SharedAttribute]] = {}
        told = zip(
            rows.account_id, rows.kind, rows.value, rows.label,
            moments(rows.first_at), moments(rows.last_at), rows["count"].astype(int).tolist(),
            rows.accounts.astype(int).tolist(), rows.organisations.astype(int).tolist(),
            strict=True,
        )  # fmt: skip
        for account, kind, value, label, first, last, count, carriers, parties in told:
            found.setdefault(account, []).append(
                SharedAttribute(
                    kind=kind,
                    value=value,
                    label=label,
                    first_at=first,
                    last_at=last,
                    count=count,
                    prevalence=Prevalence(
                        accounts=carriers, population=len(self.accounts), organisations=parties
                    ),
                )
            )
        return found


def moments(values: pd.Series) -> list[datetime | None]:
    """moment of each, None where there is none."""
    stamps = values.astype("datetime64[ms]")
    found = stamps.dt.tz_localize(UTC).dt.to_pydatetime().tolist()
    return [None if missing else at for at, missing in zip(found, stamps.isna(), strict=True)]


def moment(value) -> datetime:
    """A timestamp of the log, which is UTC without a zone, as a moment to the millisecond."""
    stamp = pd.Timestamp(value).floor("ms")
    return stamp.to_pydatetime().replace(tzinfo=UTC)
