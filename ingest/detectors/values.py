"""How those behave who share a value: the hours, clients, ages and other places of its users.

Only values that FEWEST organisations carry are looked at: fewer make no hub. Counted in the
warehouse, one row a value comes back.
"""

import functools

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from ingest.detectors.attributes import COLUMNS, ip_prefix, second
from ingest.detectors.warehouse import keep

FEWEST = 5  # organisations
HOURS = [f"hour_{n}" for n in range(24)]
BROWSER = "Mozilla/"
OLD = 30 * 86_400  # seconds an account was open before it first used the value
NIGHT = 8  # hours in a row
QUIET = 0.15  # of the requests in the quietest NIGHT hours: people sleep
FEWEST_REQUESTS = 50
SETTLED = 0.5  # of the accounts are old, and of most we know it
KINDS = ("ip", "ip_prefix", "payment", "email_domain", "registration")


def behaviour(requests: ir.Table, uses: ir.Table) -> pd.DataFrame:
    """One row a value that FEWEST organisations carry: kind, value, accounts, parties, requests,
    HOURS, agents, browsers (share of requests), known and old (accounts), elsewhere (share of
    accounts with a second network), blocks (network blocks of its accounts), and house (share of
    its accounts with the commonest mail domain, if most of the domain's accounts are here)."""
    common = keep(_common(uses))
    people = keep(_people(requests, uses))
    found = _traffic(keep(_ways(requests)), common)
    frame = found.join(_users(uses, common, people), ["kind", "value"]).execute()
    houses = _houses(uses, common, people).execute()
    frame = frame.merge(houses, on=["kind", "value"], how="left").fillna({"house": 0.0})
    return frame.sort_values(["kind", "value"], ignore_index=True)


def _common(uses: ir.Table) -> ir.Table:
    u = uses.filter(uses.kind.isin(KINDS))
    counted = u.group_by("kind", "value").aggregate(
        accounts=u.account_id.nunique(), parties=u.organisation.nunique()
    )
    return counted.filter(counted.parties >= FEWEST)


def _ways(requests: ir.Table) -> ir.Table:
    """n requests of everybody who sends by one client from one place in one hour of the day: one
    pass, after which values of all kinds are counted without the log."""
    t = requests
    columns = {kind: t[COLUMNS[kind]] for kind in KINDS if kind != "ip_prefix"}
    columns["ip"] = columns["ip"].lower()
    columns["ip_prefix"] = ip_prefix(columns["ip"])
    columns["email_domain"] = columns["email_domain"].lower()
    return t.group_by(of_day=second(t) // 3600 % 24, agent=t.user_agent, **columns).aggregate(
        n=t.count()
    )


def _traffic(ways: ir.Table, common: ir.Table) -> ir.Table:
    parts = [
        ways.select("of_day", "agent", "n", kind=ibis.literal(kind), value=ways[kind])
        for kind in KINDS
    ]
    rows = functools.reduce(lambda left, right: left.union(right), parts)
    rows = rows.semi_join(common, ["kind", "value"])
    found = rows.group_by("kind", "value").aggregate(
        requests=rows.n.sum(),
        agents=rows.agent.nunique(),
        browsing=rows.n.sum(where=rows.agent.startswith(BROWSER)),
        **{
            name: ibis.coalesce(rows.n.sum(where=rows.of_day == hour), 0)
            for hour, name in enumerate(HOURS)
        },
    )
    return found.mutate(browsers=ibis.coalesce(found.browsing, 0) / found.requests).drop("browsing")


def _people(requests: ir.Table, uses: ir.Table) -> ir.Table:
    """account_id, created (seconds since 1970), networks, blocks and mail of every account."""
    opened = requests.group_by("account_id").aggregate(
        created=requests.account_created_at.min().epoch_seconds().cast("int64")
    )
    u = uses
    places = u.group_by("account_id").aggregate(
        networks=u.value.nunique(where=u.kind == "asn"),
        mail=u.value.max(where=u.kind == "email_domain"),
    )
    return opened.left_join(places, "account_id").drop("account_id_right")


def _users(uses: ir.Table, common: ir.Table, people: ir.Table) -> ir.Table:
    u = uses.select("account_id", "kind", "value", "first_at")
    u = u.join(common, ["kind", "value"]).join(people, "account_id")
    since = u.first_at.epoch_seconds().cast("int64") - u.created
    users = u.group_by("kind", "value", "accounts", "parties").aggregate(
        known=u.created.notnull().sum(),
        old=(since >= OLD).sum(),
        roaming=(u.networks >= 2).sum(),
    )
    blocks = uses.filter(uses.kind == "ip_prefix").select("account_id", block="value")
    placed = u.filter(u.kind.isin(("email_domain", "registration"))).select(
        "account_id", "kind", "value"
    )
    placed = placed.join(blocks, "account_id")
    spread = placed.group_by("kind", "value").aggregate(blocks=placed.block.nunique())
    users = users.left_join(spread, ["kind", "value"]).drop("kind_right", "value_right")
    return users.mutate(
        elsewhere=ibis.coalesce(users.roaming, 0) / users.accounts,
        blocks=ibis.coalesce(users.blocks, 0),
        old=ibis.coalesce(users.old, 0),
    ).drop("roaming")


def _houses(uses: ir.Table, common: ir.Table, people: ir.Table) -> ir.Table:
    domains = (
        people.filter(people.mail.notnull())
        .group_by("mail")
        .aggregate(everywhere=lambda t: t.count())
    )
    u = uses.filter(uses.kind.isin(("ip", "ip_prefix"))).select("account_id", "kind", "value")
    u = u.join(common.select("kind", "value", "accounts"), ["kind", "value"])
    u = u.join(people.select("account_id", "mail"), "account_id")
    of_domain = u.group_by("kind", "value", "accounts", "mail").aggregate(here=u.count())
    own = of_domain.join(domains, "mail")
    own = own.filter(own.here * 2 > own.everywhere)
    return own.group_by("kind", "value").aggregate(house=(own.here / own.accounts).max())


def human(values: pd.DataFrame) -> pd.Series:
    """Whether there is a night: at most QUIET of the requests in the quietest hours."""
    hours = values[HOURS].to_numpy(dtype=float)
    around = np.concatenate([hours, hours[:, : NIGHT - 1]], axis=1).cumsum(axis=1)
    windows = around[:, NIGHT - 1 :] - np.concatenate(
        [np.zeros((len(hours), 1)), around[:, : 24 - 1]], axis=1
    )
    quietest = windows.min(axis=1) if len(hours) else np.zeros(0)
    return (quietest <= QUIET * values.requests) & (values.requests >= FEWEST_REQUESTS)


def mixed(values: pd.DataFrame) -> pd.Series:
    """Whether its users bring clients of their own: half as many as organisations, up to ten."""
    return values.agents >= values.parties.clip(upper=20) / 2


def settled(values: pd.DataFrame) -> pd.Series:
    """Whether most of its accounts were open long before they used it. Unknown is no."""
    return (values.known >= SETTLED * values.accounts) & (values.old >= SETTLED * values.known)
