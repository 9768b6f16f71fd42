"""What accounts carry: each kind of attribute as account × value, counted in the warehouse."""

import functools

import ibis
import ibis.expr.types as ir

# kind of attribute → column of the normal form
COLUMNS = {
    "ip": "ip",
    "asn": "asn",
    "payment": "payment",
    "user_agent": "user_agent",
    "email_domain": "email_domain",
    "registration": "registration",
    "device": "device",
}


def attribute_uses(requests: ir.Table) -> ir.Table:
    """account_id, organisation, kind, value, first_at, last_at, count: a row an account and value.

    An organisation that is not recorded is the account itself: it then stands for one party.
    """
    values = {kind: requests[column] for kind, column in COLUMNS.items()}
    values["ip"] = values["ip"].lower()
    values["ip_prefix"] = ip_prefix(values["ip"])
    values["asn"] = values["asn"].upper().re_replace(r"^AS\s*", "")
    values["email_domain"] = values["email_domain"].lower()
    parts = []
    for kind, value in values.items():
        part = requests.select(
            "account_id",
            organisation=party(requests),
            kind=ibis.literal(kind),
            value=value,
            at=requests.at,
        )
        part = part.filter(part.value.notnull())
        parts.append(
            part.group_by("account_id", "kind", "value").aggregate(
                organisation=part.organisation.max(),
                first_at=part["at"].min(),
                last_at=part["at"].max(),
                count=part.count(),
            )
        )
    return functools.reduce(lambda left, right: left.union(right), parts)


def party(requests: ir.Table) -> ir.StringColumn:
    """The organisation, or the account where none is recorded."""
    return ibis.coalesce(requests.organisation, requests.account_id)


def second(requests: ir.Table) -> ir.IntegerColumn:
    """Whole seconds since 1970, counted down: what every warehouse divides alike."""
    return requests["at"].truncate("s").epoch_seconds().cast("int64")


def ip_prefix(ip: ir.StringColumn) -> ir.StringColumn:
    """The /24 of an IPv4 address, the /64 of an IPv6 one, else null. ip is in lower case.

    A private address is an address. The rare IPv6 form whose zeros are cut inside the first half
    and end there gives null rather than a wrong prefix.
    """
    four = ip.re_extract(r"^([0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3})\.[0-9]{1,3}$", 1)
    left = ip.re_extract(r"^([0-9a-f:]*[0-9a-f])::", 1)
    right = ip.re_extract(r"::([0-9a-f:]*)$", 1)
    cut = ip.contains("::")
    filled = cut.ifelse(left.concat(":0:0:0:0"), ip)
    six = filled.re_extract(r"^([0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4})", 1)
    colons = right.length() - right.replace(":", "").length()
    sure = ~cut | (colons < 4)
    return ibis.cases(
        (four.length() > 0, four.concat(".0/24")),
        (ip.contains(":") & sure & (six.length() > 0), six.concat("::/64")),
        else_=ibis.null("string"),
    )
