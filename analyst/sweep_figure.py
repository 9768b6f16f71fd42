"""The sweep map of a case: who has covered which slot values of its templates.

The database bins the values, in the order of their first use; how the accounts divide them is
computed of at most ROWS_MAX rows of each. A template's words are a stranger's: it is called by its
number.
"""

from dataclasses import dataclass

import numpy as np
from django.db import connection

from analyst.figures import Drawn, Table
from cases import plots
from cases.models import Case, Member
from ingest.detectors.division import Division, division
from ingest.models import Account, Attribute, TemplateSlot

TEMPLATES_SHOWN = 6
ACCOUNTS_SHOWN, BINS = 40, 96
ROWS_MAX = 3_000  # of a template, those of the first digests: whole values, drawn by chance
DEALS, FEW_DEALS = 999, 199  # one template, several
NAMES = {
    "member": Member._meta.db_table,
    "slot": TemplateSlot._meta.db_table,
    "account": Account._meta.db_table,
    "attribute": Attribute._meta.db_table,
}
NONE = "No slot value of a template is recorded for a member."
# the slots of the members, of the templates that most of them use
LEADING = """
    WITH ours AS MATERIALIZED (
        SELECT s.template_id, s.account_id, s.slot, s.first_at, s.count
        FROM {member} m JOIN {slot} s ON s.account_id = m.account_id
        WHERE m.case_id = %(case)s AND m.left_at IS NULL
    ), foremost AS MATERIALIZED (
        SELECT template_id, count(DISTINCT account_id) AS accounts, count(*) AS many
        FROM ours GROUP BY 1 HAVING count(DISTINCT account_id) > 1
        ORDER BY 2 DESC, 3 DESC, 1 LIMIT %(templates)s
    )
"""
# each value's place in the order of first use, dealt into BINS bins of as many values
PLACED = """
    , firsts AS (
        SELECT template_id, slot, min(first_at) AS first_at FROM ours
        JOIN foremost USING (template_id) GROUP BY 1, 2
    ), placed AS MATERIALIZED (
        SELECT template_id, slot,
               ((row_number() OVER w - 1) * %(bins)s
                / greatest(count(*) OVER (PARTITION BY template_id), %(bins)s))::int AS place
        FROM firsts WINDOW w AS (PARTITION BY template_id ORDER BY first_at, slot)
    )
"""


@dataclass(frozen=True)
class Swept:
    """One template of the case, and how its members divide the values. division is None where a
    single account is left."""

    template: int
    prevalence: str
    cut: bool
    division: Division | None

    @property
    def name(self) -> str:
        return f"T-{self.template}"


def by_account(case: Case) -> Drawn:
    """Accounts × slot values of the template that most members use."""
    swept = _swept(case, 1)
    if not swept or not swept[0].division:
        return _nothing("account")
    lead = swept[0]
    cells = _rows(
        LEADING
        + PLACED
        + """
        , busiest AS (
            SELECT o.account_id, count(*) AS covered, min(o.first_at) AS first_at
            FROM ours o JOIN foremost USING (template_id)
            GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %(accounts)s
        )
        SELECT a.external_id, p.place, sum(o.count)
        FROM ours o JOIN busiest b USING (account_id) JOIN placed p USING (template_id, slot)
        JOIN {account} a ON a.id = o.account_id
        GROUP BY 1, 2, b.first_at ORDER BY b.first_at, 1, 2
        """,
        case,
        1,
    )
    names, counts = _grid(cells, min(BINS, lead.division.values))
    figure = plots.sweep(names, counts, values=lead.division.values, say=_say(lead, len(names)))
    rows = [[lead.name, name, place, int(n)] for name, place, n in cells]
    covered = [
        [name, sum(n > 0 for n in row), sum(row)] for name, row in zip(names, counts, strict=True)
    ]
    table = Table(
        f"{lead.name}: bins of slot values that each account has covered, of {len(counts[0])}",
        ["Account", "Bins covered", "Requests"],
        covered,
    )
    return Drawn(figure, ["template", "account", "bin", "requests"], rows, table)


def by_template(case: Case) -> Drawn:
    """Templates × slot values: how many accounts asked for each bin's."""
    swept = [s for s in _swept(case, TEMPLATES_SHOWN) if s.division]
    if not swept:
        return _nothing("template")
    cells = _rows(
        LEADING
        + PLACED
        + """
        SELECT 'T-' || p.template_id, p.place, count(DISTINCT o.account_id)
        FROM ours o JOIN placed p USING (template_id, slot) JOIN foremost l USING (template_id)
        GROUP BY p.template_id, 2, l.accounts, l.many
        ORDER BY l.accounts DESC, l.many DESC, p.template_id, 2
        """,
        case,
        TEMPLATES_SHOWN,
    )
    names, counts = _grid(cells, min(BINS, max(s.division.values for s in swept)))
    most = max(s.division.values for s in swept)
    say = f"{len(swept)} templates. {_say(swept[0], 0)}"
    figure = plots.sweep(names, counts, values=most, say=say, what="accounts")
    table = Table(
        "Templates of this case, and how their users divide the slot's values",
        ["Template", "Accounts", "Of the population", "Slot values", "Asked again",
         "Slot entropy, nats", "Overlap", "Chance", "p"],
        [_told(s) for s in swept],
    )  # fmt: skip
    return Drawn(
        figure, ["template", "bin", "accounts"], [[n, p, int(c)] for n, p, c in cells], table
    )


SWEEPS = {"sweep": by_account, "sweep-templates": by_template}


def _swept(case: Case, templates: int) -> list[Swept]:
    """The leading templates with the division of their values, in one query."""
    rows = _rows(
        LEADING
        + """
        SELECT o.template_id, t.accounts, t.population, o.many, o.account_id, o.slot, o.count
        FROM (
            SELECT ours.*, l.accounts AS users, l.many,
                   row_number() OVER (PARTITION BY template_id ORDER BY slot, account_id) AS place
            FROM ours JOIN foremost l USING (template_id)
        ) o
        JOIN {attribute} t ON t.id = o.template_id
        WHERE o.place <= %(rows)s
        ORDER BY o.users DESC, o.many DESC, o.template_id, o.slot, o.account_id
        """,
        case,
        templates,
    )
    found = []
    for template in dict.fromkeys(row[0] for row in rows):
        mine = [row for row in rows if row[0] == template]
        _, accounts, population, many = mine[0][:4]
        known = f"{accounts:,} of {population:,}" if population else "not counted"
        who, what, count = (np.array(column) for column in zip(*(r[4:] for r in mine), strict=True))
        divided = division(who, what, count, deals=DEALS if templates == 1 else FEW_DEALS)
        found.append(Swept(template, known, many > ROWS_MAX, divided))
    return found


def _say(swept: Swept, shown: int) -> str:
    d = swept.division
    told = (
        f"{d.accounts:,} accounts and {d.values:,} values of one slot of {swept.name}"
        f"{' (some of them, drawn by chance)' if swept.cut else ''}; "
        f"{_percent(d.overlap)} of them asked by two accounts or more"
    )
    if not d.again:
        told += ": no value came again, so nothing tells whether they are divided"
    else:
        told += f", chance would give {_percent(d.chance)} (p {d.p:.2g})"
        told += ": they divide it" if d.p <= 0.01 else ": nothing says that they divide it"
    if 0 < shown < d.accounts:
        told += f". The {shown} that cover most are drawn"
    return told + "."


def _told(swept: Swept) -> list:
    d = swept.division
    p = f"{d.p:.2g}" if d.again else "–"
    return [swept.name, d.accounts, swept.prevalence, d.values, d.again, f"{d.entropy:.2f}",
            _percent(d.overlap), _percent(d.chance), p]  # fmt: skip


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _grid(cells, bins: int) -> tuple[list[str], list[list[int]]]:
    counts: dict[str, list[int]] = {}
    for name, place, count in cells:
        counts.setdefault(name, [0] * bins)[place] += int(count)
    return list(counts), list(counts.values())


def _nothing(by: str) -> Drawn:
    figure = plots.sweep([], [], values=0, say=NONE)
    return Drawn(figure, [by, "bin"], [], Table(NONE, [by.capitalize()], []))


def _rows(query: str, case: Case, templates: int):
    parameters = {"case": case.pk, "templates": templates, "bins": BINS, "rows": ROWS_MAX,
                  "accounts": ACCOUNTS_SHOWN}  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(query.format(**NAMES), parameters)
        return cursor.fetchall()
