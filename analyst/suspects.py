"""What the pages about suspect models show: tests, their results, the keys."""

import math
from dataclasses import dataclass, field

from django.contrib.auth.models import User
from django.db.models import Count, Q

from analyst.access import visible_cases
from analyst.suspect_words import (
    control_chart,
    needed_z,
    p_words,
    share_words,
    trace_chart,
    z_bars,
    z_words,
)
from cases.services.findings import cases_holding_keys_of
from ingest.models import Job, SuspectResult, SuspectTest, SuspectText, WatermarkKey
from ingest.watermark.control import judge_control
from ingest.watermark.multiple import FOUND, WEAK

PAGE = 100
STRONGEST = 10
MARKED_ON_CHART = 3
CASES_SHOWN = 20
Finding = SuspectResult.Finding
# finding: icon, tone, word
FINDINGS = {
    Finding.FOUND: ("check", "good", "found"),
    Finding.WEAK: ("half", "up", "weak"),
    Finding.NOT_FOUND: ("no", "", "not found"),
    Finding.VOID: ("warn", "bad", "void"),
    Finding.UNTESTED: ("new", "", "not tested"),
}


@dataclass
class Standing:
    """How a test stands, in one word with its icon and tone."""

    icon: str
    tone: str
    words: str


@dataclass
class Page:
    """A finished test, dressed for its page."""

    rows: list
    tried: int
    untested: int
    strongest: SuspectResult
    found: list
    controls: list
    sound: bool
    outputs: int
    prompts: bool
    repeated: str
    axis: str
    control_charts: list = field(default_factory=list)
    trace: dict | None = None


def standing_of(test: SuspectTest, found: int, weak: int = 0) -> Standing:
    job = test.job
    if job.state == Job.State.FAILED:
        return Standing("x", "bad", "failed")
    if job.state == Job.State.STOPPED:
        return Standing("no", "", "stopped")
    if job.state != Job.State.DONE:
        running = job.state == Job.State.RUNNING or job.done
        return Standing("review", "", "running") if running else Standing("new", "", "waiting")
    if not test.is_sound:
        return Standing("warn", "bad", "control is off")
    if found:
        return Standing("check", "good", "one key found" if found == 1 else f"{found} keys found")
    return Standing("half", "up", "weak") if weak else Standing("no", "", "no key found")


def latest_tests(after: str) -> tuple[list[SuspectTest], int | None]:
    """A page of tests, newest first, and the key that the next page begins after."""
    tests = (
        SuspectTest.objects.select_related("job", "requested_by")
        .defer("sealed_token")
        .annotate(
            keys=Count("results"),
            found=Count("results", filter=Q(results__finding=Finding.FOUND)),
            weak=Count("results", filter=Q(results__finding=Finding.WEAK)),
        )
        .order_by("-pk")
    )
    tests, following = _page(tests, after)
    for test in tests:
        test.standing = standing_of(test, test.found, test.weak)
    return tests, following


def latest_keys(after: str) -> tuple[list[WatermarkKey], int | None]:
    """A page of keys without their secrets, newest first."""
    keys = WatermarkKey.objects.defer("sealed_secret").select_related("created_by").order_by("-pk")
    keys, following = _page(keys, after)
    held = _counts(
        WatermarkKey.accounts.through.objects.filter(watermarkkey__in=keys), "watermarkkey"
    )
    tried = _counts(SuspectResult.objects.filter(key__in=keys), "key")
    found = _counts(SuspectResult.objects.filter(key__in=keys, finding=Finding.FOUND), "key")
    for key in keys:
        key.held, key.tried = held.get(key.pk, 0), tried.get(key.pk, 0)
        key.found, key.law = found.get(key.pk, 0), law_of(key)
    return keys, following


def law_of(key: WatermarkKey) -> str:
    """green-list, γ 0.25, δ 3, width 2."""
    signs = {"gamma": "γ", "delta": "δ", "temperature": "temperature", "width": "width"}
    parts = [f"{signs.get(name, name)} {value:g}" for name, value in sorted(key.parameters.items())]
    return ", ".join([key.scheme, *parts])


def page_of(test: SuspectTest, *, every: bool = False) -> Page | None:
    """What a finished test shows; None before it is."""
    results = list(
        test.results.select_related("key").defer("key__sealed_secret", "trace").order_by("pk")
    )
    tested = [result for result in results if result.finding != Finding.UNTESTED]
    if test.job.state != Job.State.DONE or not tested:
        return None
    tested.sort(key=lambda result: (result.log10_p, result.pk))
    untested = [result for result in results if result.finding == Finding.UNTESTED]
    shown = [*tested, *untested] if every else tested[:STRONGEST]
    bars, axis = z_bars([result.z for result in shown])
    for result, bar in zip(shown, bars, strict=True):
        dress(result)
        result.bar = bar
    best = dress(tested[0])
    outputs = test.texts.filter(role=SuspectText.Role.OUTPUT).exclude(answered_at=None)
    page = Page(
        rows=shown,
        tried=len(tested),
        untested=len(untested),
        strongest=best,
        found=[dress(result) for result in tested if result.finding == Finding.FOUND],
        controls=[],
        sound=bool(test.is_sound),
        outputs=outputs.count(),
        prompts=outputs.exclude(prompt="", prompt_tokens=None).exists(),
        repeated="" if best.filtered else f"{100 * (1 - best.rows / best.windows):.0f} %",
        axis=axis,
    )
    controls = list(test.controls.order_by("name"))
    names = {control.name for control in controls}
    for control in controls:
        judged = judge_control(control.ps)
        control.percent, control.clean = f"{100 * judged.share:.1f} %", judged.clean
        control.keys, control.ks_said = judged.keys, f"{judged.ks_p:.2g}"
        control.bounds = " to ".join(f"{100 * edge:.1f} %" for edge in judged.bounds)
        control.expected = 0.05 * judged.keys
        page.controls.append(control)
        own = [r for r in tested if group_of(r, names) == control.name]
        # those that were found, else the strongest: keys near chance stand on each other
        marked = [r for r in own if r.finding != Finding.NOT_FOUND][:MARKED_ON_CHART] or own[:1]
        chart = control_chart(control.zs, [(r.key.ref, r.z) for r in marked])
        page.control_charts.append({"control": control, "chart": chart})
    best.trace = SuspectResult.objects.values_list("trace", flat=True).get(pk=best.pk)
    page.trace = trace_chart(best.trace, best.key.ref, needed_z(FOUND / len(tested)))
    return page


def group_of(result: SuspectResult, names: set[str]) -> str:
    """The control, of those names, that answers for a result: its null law, on its rows."""
    key = result.key
    share = f", gamma {key.parameters['gamma']:g}" if key.scheme == "green-list" else ""
    group = f"{key.scheme}{share}, width {key.parameters['width']}, {key.tokenizer}"
    if not result.filtered:
        return group
    own = f"{group}, marked {key.ref}"
    return own if own in names else f"{group}, marked text"


def dress(result: SuspectResult) -> SuspectResult:
    """A result with its words."""
    scheme = result.key.scheme
    result.icon, result.tone, result.word = FINDINGS.get(result.finding, FINDINGS["untested"])
    result.p_alone = p_words(min(0.0, result.log10_p))
    result.p_corrected = p_words(result.log10_corrected)
    share = result.total / result.rows if result.rows else None
    result.share = share_words(scheme, share)
    result.z_said = z_words(result.z)
    result.chance = share_words(
        scheme, result.key.parameters.get("gamma") if scheme == "green-list" else 1.0
    )
    result.could_see = share_words(scheme, result.detectable)
    result.hits = f"{result.total:,.0f}" if scheme == "green-list" else f"{result.total:,.1f}"
    result.measure = "share of green pairs" if scheme == "green-list" else "mean"
    return result


def cases_of(test: SuspectTest, user: User):
    """Cases that hold a key found here, of those that this person may know of."""
    cases = cases_holding_keys_of(test).filter(pk__in=visible_cases(user).values("pk"))
    return list(cases.order_by("-priority", "-pk")[:CASES_SHOWN])


def limits() -> dict:
    """The two levels, for the page to state."""
    return {"found": p_words(math.log10(FOUND)), "weak": f"{WEAK:g}"}


def _counts(rows, name: str) -> dict[int, int]:
    return dict(rows.order_by().values_list(name).annotate(n=Count("pk")))


def _page(rows, after: str) -> tuple[list, int | None]:
    if after.isascii() and after.isdigit() and len(after) < 19:
        rows = rows.filter(pk__lt=int(after))
    rows = list(rows[: PAGE + 1])
    return rows[:PAGE], rows[PAGE - 1].pk if len(rows) > PAGE else None
