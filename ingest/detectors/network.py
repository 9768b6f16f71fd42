"""Network: what kind of place an address or a block is, from how those behave who use it.

Never a flag. A carrier's NAT, a campus, a VPN and a shared build farm each bring strangers to one
address; the mark says so beside every signal that carries the value, and an analyst (or a tie) can
hold it against the address instead of against its users. A mark is a benign reading and no
acquittal: whoever buys old accounts can look like one of these.
"""

import ibis.expr.types as ir
import pandas as pd

from ingest.detectors.values import human, mixed, settled

KINDS = ("ip", "ip_prefix")
ELSEWHERE = 0.3  # of the accounts are seen on another network too: this one is not all they have
BROWSERS = 0.05  # of the requests; less is programs
MANY_CLIENTS, MANY_ADDRESSES, MANY_NETWORKS = 10, 10, 5  # of one account: it stands for many
ONE_HOUSE = 0.5  # of the accounts have one mail domain, most of whose accounts are here


def marks(values: pd.DataFrame) -> pd.Series:
    """A mark for each row of values.Behaviour ("" where none fits): the first of campus, carrier,
    vpn and ci whose habits it has."""
    of_network = values.kind.isin(KINDS)
    people = of_network & mixed(values) & settled(values)
    roam = values.elsewhere >= ELSEWHERE
    house = values.house >= ONE_HOUSE
    programs = values.browsers < BROWSERS
    found = pd.Series("", index=values.index)
    found[of_network & settled(values) & roam & programs & ~mixed(values)] = "ci"
    found[people & roam & ~human(values)] = "vpn"
    found[people & roam & human(values) & ~house] = "carrier"
    found[people & human(values) & house] = "campus"
    return found


def gateways(uses: ir.Table) -> ir.Table:
    """account_id of those that stand for many people: a reseller's or gateway's account shows the
    clients and addresses of its customers, in networks that have nothing to do with each other."""
    u = uses
    own = u.group_by("account_id").aggregate(
        clients=(u.kind == "user_agent").sum(),
        addresses=(u.kind == "ip").sum(),
        networks=(u.kind == "asn").sum(),
    )
    return own.filter(
        (own.clients >= MANY_CLIENTS)
        & (own.addresses >= MANY_ADDRESSES)
        & (own.networks >= MANY_NETWORKS)
    ).select("account_id")
