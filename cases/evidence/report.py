"""The report that a lawyer reads, as HTML and PDF, from one structure."""

import json
from datetime import date, datetime
from pathlib import Path

import typst
from django.template import Context, Engine
from django.utils.safestring import SafeString

from cases.evidence import charts
from cases.evidence.sheets import Data
from cases.evidence.text import every_text, printable, visible
from cases.models import Case

HERE = Path(__file__).parent
MEMBERS, EVENTS = 200, 300  # rows in the report; the files hold all
SVG = frozenset({"svg"})


def compose(
    case: Case,
    data: Data,
    *,
    as_of: datetime,
    events: list[dict],
    per_day: dict[str, int],
    by: str,
) -> dict:
    """Everything that reports and tag files say, as plain JSON: the packet keeps it too.

    title, tlp, subtitle, summary and tables are the report's; the rest is for the tag files.
    """
    head = events[-1]
    facts = case.explanation
    words = data.profile.words
    tables = [
        _figures(case, head, words=words),
        _evidence(facts, words=words),
        _benign(facts) if words else None,
        _activity(per_day),
        _members(case, data),
        _decisions(case, words=words),
        _orders(case) if words else None,
        _events(events, words=words),
        _method(facts),
        _files(data),
    ]
    sealed = f", sealed for {by}" if words else ""
    return {
        "title": f"{case.ref} {case.name}" if words else case.ref,
        "tlp": case.get_tlp_display(),
        "subtitle": f"Evidence as of {people(as_of)}{sealed}. Status: "
        f"{case.get_status_display()}. Verdict: {case.get_verdict_display()}. "
        f"Profile: {data.profile.name.label.lower()}.",
        "summary": (facts.get("summary") or [case.reason]) if words else [data.profile.leaves_out],
        "tables": [table for table in tables if table],
        "ref": case.ref,
        "profile": data.profile.name.value,
        "leaves_out": data.profile.leaves_out,
        "chain": {"seq": head["seq"], "hash": head["hash"]},
    }


def as_html(report: dict) -> str:
    """One page with no script and no outside reference; every text escaped and visible."""
    engine = Engine(dirs=[HERE], autoescape=True)
    shown = every_text(report, visible, but=SVG)
    for table in shown["tables"]:
        for chart in table["charts"]:
            chart["svg"] = SafeString(chart["svg"])  # ours: charts.py escapes each text in it
    return engine.get_template("report.html").render(Context({"report": shown}))


def as_pdf(report: dict, *, as_of: datetime) -> bytes:
    """PDF/A-2a from the built-in fonts alone; what they cannot show is a ‹U+…› token."""
    shown = every_text(report, printable, but=SVG)
    return typst.compile(
        (HERE / "report.typ").read_bytes(),
        ignore_system_fonts=True,
        sys_inputs={"report": json.dumps(shown, ensure_ascii=False)},
        pdf_standards=["a-2a"],
        timestamp=int(as_of.timestamp()),
    )


def people(moment: datetime | None) -> str:
    return f"{moment:%d %b %Y %H:%M} UTC" if moment else "–"


def _table(title: str, says: str, columns=(), rows=(), *, widths=None, drawn=()) -> dict:
    return {
        "title": title,
        "says": says,
        "columns": list(columns),
        "widths": list(widths or [1] * len(columns)),
        "rows": [[str(cell) for cell in row] for row in rows],
        "charts": list(drawn),
    }


def _figures(case: Case, head: dict, *, words: bool) -> dict:
    facts = case.explanation
    census = facts.get("census")
    rows = [
        ("Members", f"{case.core:,} core, {case.likely:,} likely, {case.possible:,} possible"),
        ("Expected members", f"{case.expected_members:,.1f} (sum of the probabilities)"),
        ("P(abuse)", f"{case.p_abuse:.3f}"),
        ("Prior", f"{facts['prior']:.2g}" if facts.get("prior") else "not recorded"),
        ("Population", f"{census['accounts']:,} accounts, counted {census['as_of']}"
         if census else "no census: rarity is unknown and adds nothing"),
        ("Method", facts.get("method", "not recorded")),
        ("Priority", f"{case.priority:.1f}"),
        ("Active", f"{people(case.first_activity_at)} to {people(case.last_activity_at)}"),
        ("Legal hold", "yes" if case.legal_hold else "no"),
        ("Timeline", f"{head['seq']:,} events, the last with hash {head['hash']}"),
    ]  # fmt: skip
    if words and facts.get("would_change"):
        rows.append(("What would change this", facts["would_change"]))
    return _table("Figures", "Counts of now, probabilities as stated.", ("What", "Value"), rows,
                  widths=[1, 3])  # fmt: skip


def _evidence(facts: dict, *, words: bool) -> dict:
    core = (facts.get("evidence") or {}).get("core") or []
    rows = [
        (one["family"], one.get("what", "") if words else "–", f"{one['bits']:+.1f}",
         "capped" if one.get("capped") else "–")
        for one in core
    ]  # fmt: skip
    total = sum(one["bits"] for one in core)
    says = (
        f"The median core member. The bits add up to {total:+.1f}, the log2 of the odds."
        if core
        else "No evidence was recorded by grouping."
    )
    drawn = [{"svg": charts.bits([(o["family"], o["bits"]) for o in core]), "says": says}]
    return _table("Evidence", says, ("Family", "What", "Bits", "Cap"), rows,
                  widths=[2, 6, 1, 1], drawn=drawn if core else ())  # fmt: skip


def _benign(facts: dict) -> dict:
    rows = [(one["name"], one["fit"], one["why"]) for one in facts.get("benign") or []]
    says = "Innocent explanations and how each fits." if rows else "None was tested."
    return _table("Benign explanations", says, ("Explanation", "Fit", "Why"), rows,
                  widths=[2, 1, 5])  # fmt: skip


def _activity(per_day: dict[str, int]) -> dict:
    if not per_day:
        return _table("Activity", "No activity was recorded.")
    days, values = list(per_day), list(per_day.values())
    says = (
        f"{sum(values):,} requests of present members from {days[0]} to {days[-1]}, "
        f"at most {max(values):,} in a day. activity.csv has each account's days."
    )
    names = [f"{date.fromisoformat(day):%d %b}" for day in days]
    drawn = [{"svg": charts.columns(names, values, unit="requests a day"), "says": says}]
    return _table("Activity", says, drawn=drawn)


def _members(case: Case, data: Data) -> dict:
    members, words = case.members.filter(left_at=None), data.profile.words
    total = members.count()
    rows = [
        (data.account(m.account.external_id), (m.account.organisation or "–") if words else "–",
         m.tier, f"{m.probability:.3f}", (m.verdict or "–") if words else "–",
         m.account.state if words else "–")
        for m in members.select_related("account").order_by("-probability", "pk")[:MEMBERS]
    ]  # fmt: skip
    says = f"{len(rows):,} of {total:,}, the likeliest first; members.csv has all."
    columns = ("Account", "Organisation", "Tier", "Probability", "Analyst", "State")
    return _table("Members", says, columns, rows, widths=[4, 3, 1, 1, 1, 1])


def _decisions(case: Case, *, words: bool) -> dict:
    rows = [
        (people(one.decided_at), one.decided_by if words else "–", one.get_outcome_display(),
         "–" if one.stated_probability is None or not words else f"{one.stated_probability:.2f}",
         one.rationale if words else "–")
        for one in case.decisions.select_related("decided_by").order_by("pk")
    ]  # fmt: skip
    says = "Each is a person's judgement." if rows else "Nobody has decided yet."
    columns = ("When", "Who", "Outcome", "Stated P", "Rationale")
    return _table("Decisions", says, columns, rows, widths=[2, 1, 1, 1, 5])


def _orders(case: Case) -> dict:
    orders = case.enforcements.select_related("requested_by", "reviewed_by").order_by("number")
    rows = [
        (one.ref, one.get_kind_display(), one.get_state_display(),
         one.blast_radius.get("accounts", ""), one.requested_by, one.reviewed_by or "–",
         one.reason)
        for one in orders
    ]  # fmt: skip
    says = "What was ordered; order_items.csv has each account." if rows else "None."
    columns = ("Order", "Kind", "State", "Accounts", "Asked by", "Reviewed by", "Reason")
    return _table("Actions", says, columns, rows, widths=[1, 1, 1, 1, 1, 1, 4])


def _events(events: list[dict], *, words: bool) -> dict:
    rows = [
        (one["seq"], people(datetime.fromisoformat(one["at"])), one["kind"].replace("_", " "),
         (one["actor_name"] or "the desk") if words else "–", one["hash"][:16])
        for one in events[-EVENTS:]
    ]  # fmt: skip
    says = f"The last {len(rows):,} of {len(events):,}; timeline.jsonl has all, with hashes."
    return _table("Timeline", says, ("No", "When", "What", "Who", "Hash begins"), rows,
                  widths=[1, 3, 3, 2, 3])  # fmt: skip


def _method(facts: dict) -> dict:
    census = facts.get("census")
    rows = [
        ("Membership", "log-odds = prior + the evidence of each family of detectors, each family "
         "capped; tiers are bands of that probability."),
        ("A shared attribute", "is worth log2(m / u) bits, u its share in the whole population, "
         "flagged or not (Fellegi and Sunter); unknown rarity adds nothing."),
        ("Expected innocent", _innocent(facts)),
        ("Base rate", f"1 in {1 / facts['prior']:,.0f} accounts before any evidence"
         + (f", of {census['accounts']:,}" if census else "") if facts.get("prior")
         else "not recorded"),
        ("Not shown by this", "who the people behind the accounts are; what was done with the "
         "answers; accounts of the campaign that share nothing with these."),
        ("A watermark hit", "proves training on marked text, not who collected it, and raises no "
         "account's probability."),
    ]  # fmt: skip
    return _table("Method and its limits", "How the figures came about.", ("What", "How"), rows,
                  widths=[1, 4])  # fmt: skip


def _innocent(facts: dict) -> str:
    expected = facts.get("expected_innocent")
    if not expected:
        return "not recorded"
    return ", ".join(f"{count:,.1f} of the {tier}" for tier, count in expected.items())


FILES = {
    "case.json": "the case, its figures, the method, the detectors, notes",
    "members.csv": "accounts with probability, tier, evidence and state",
    "members.json": "the same, faithful",
    "links.csv": "shared attributes with their rarity",
    "signals.jsonl": "each detector's observation about a member",
    "activity.csv": "requests and tokens of each account by day",
    "timeline.jsonl": "every event with its hash, salt and content",
    "custody.jsonl": "who had packets made, took them, or sent the case out, until now",
    "decisions.json": "what people decided",
    "orders.json": "what was ordered",
    "order_items.csv": "what became of each account of an order",
    "watermark_tests.jsonl": "tests that found a key of these accounts; the key is named only",
    "bundle.stix.json": "the case as STIX 2.1, accounts as codes",
    "shares.json": "what left to partners; shares/ has it as it left",
}


def _files(data: Data) -> dict:
    rows = [(name, holds) for name, holds in FILES.items() if data.profile.has(name)]
    says = (
        f"Beside this report. {data.profile.leaves_out} In CSV a text that begins like a formula "
        "has a leading quote; JSON is faithful. report.json is what this report was made from."
    )
    return _table("Files", says, ("File", "Holds"), rows, widths=[2, 3])
