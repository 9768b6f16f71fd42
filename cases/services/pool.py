"""The pooled test of a case, asked for here and done by a worker; its answer is told to the case
and stored as a signal of each account that was tested.

The signals carry no p-value and a low score: that a pool is unlike everybody else says that it has
a purpose of its own, as a product's customers have, and not who belongs to it.
"""

import logging
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Max, Min

from cases.errors import CaseError
from cases.models import Case, Member, PoolTest, TimelineEvent
from cases.services.nudge import after_commit
from cases.services.timeline import append_event
from ingest.detectors.findings import digest
from ingest.detectors.peers import q_values
from ingest.detectors.pool import PoolAnswer
from ingest.detectors.sweeps import anchor
from ingest.models import AttributeUse, Batch, Detector, Job, Signal
from ingest.services import jobs, record_signals
from ingest.services.pool import ask_log
from ingest.wire import AccountRef, Observation

log = logging.getLogger(__name__)

KIND = "pool"
STEPS = 5  # opening, reading, fitting, comparing, storing
SLUG, NAME, VERSION = "behaviour-pool", "Pooled prompts of a case", "1"
HIGHEST_SCORE = 0.2
MOST_WORDINGS = 20  # by which members are tied, the commonest first
MOST_OTHERS = 200_000  # accounts of cases, who are no reference
MOST_TESTS = 10_000  # over which discoveries are counted
FEWEST = 5


@transaction.atomic
def request_pool_test(case: Case, *, actor: User) -> PoolTest:
    """Ask for the test. Raises CaseError while one is at work, and where there are too few
    members to pool."""
    Case.objects.select_for_update().get(pk=case.pk)
    if PoolTest.objects.filter(case=case, job__finished_at=None).exists():
        raise CaseError("A test of this pool is at work already: wait for it, or stop it.")
    if pooled_members(case).count() < FEWEST:
        raise CaseError(
            f"Fewer than {FEWEST} core or likely members: too few to pool. Test it when it grows."
        )
    job = Job.objects.create(kind=KIND, started_by=actor, total=STEPS)
    test = PoolTest.objects.create(case=case, job=job, requested_by=actor)
    append_event(case, TimelineEvent.Kind.POOL_TEST_REQUESTED, actor=actor, content={})
    after_commit("run_pool_tests")
    return test


def cancel_pool_test(test: PoolTest, *, actor: User) -> None:
    """Stop it. Raises CaseError where it is over."""
    if not jobs.cancel(test.job):
        raise CaseError("That test is over already.")


def pooled_members(case: Case):
    """Whose prompts are pooled: core and likely members whom nobody judged out. Others are not
    sure enough to speak for the case."""
    return (
        Member.objects.current()
        .filter(case=case, tier__in=[Member.Tier.CORE, Member.Tier.LIKELY])
        .exclude(verdict=Member.Verdict.OUT)
    )


def run_waiting() -> bool:
    """The sweep: the oldest test that waits or was left behind. False: none could be taken."""
    taken = jobs.take(Job.objects.filter(pool_test__isnull=False), KIND)
    if taken is None:
        return False
    job, was_left = taken
    test = PoolTest.objects.select_related("case").get(job=job)
    hold = jobs.Hold(job)
    test.stalls = test.stalls + 1 if was_left else 0
    test.save(update_fields=["stalls"])
    try:
        if test.stalls >= jobs.GIVEN_UP:
            raise CaseError(f"Given up: {test.stalls} workers died on it, one after another.")
        _compute(test, hold)
    except jobs.Cancelled:
        hold.stop()
    except jobs.Superseded:
        log.warning("%s was taken by another worker", test)
    except CaseError as error:
        hold.fail(str(error))
    except Exception as error:
        hold.fail(f"{type(error).__name__}: {error}")
        raise
    return True


def latest_tests() -> list[PoolTest]:
    """The newest answer of each case that was tested, by case."""
    told = PoolTest.objects.filter(p__isnull=False).order_by("case_id", "-pk").distinct("case_id")
    return list(told[:MOST_TESTS])


def discovery_rate(test: PoolTest) -> tuple[float, int]:
    """(q, tests): the false-discovery rate (Benjamini–Hochberg) at which this test would be called
    among the newest of every case. One query."""
    ps = {row.case_id: row.p for row in latest_tests()} | {test.case_id: test.p}
    q = dict(zip(ps, q_values(list(ps.values())), strict=True))
    return float(q[test.case_id]), len(ps)


def _compute(test: PoolTest, hold: jobs.Hold) -> None:
    members = list(pooled_members(test.case).select_related("account").order_by("pk"))
    accounts = {member.account_id: member.account for member in members}
    span = Signal.objects.filter(account__in=accounts).aggregate(
        since=Min("window_start"), until=Max("window_end")
    )
    # windows are told with their last moment inside
    until = span["until"] and span["until"] + timedelta(milliseconds=1)
    progress = {"step": "", "done": 0}

    def tell(step: str) -> None:
        progress.update(step=step, done=progress["done"] + 1)

    with jobs.signs_of_life(hold, progress):
        answer = ask_log(
            [account.external_id for account in accounts.values()],
            since=span["since"],
            until=until,
            wordings=_wordings(accounts),
            others=_others(test.case),
            tell=tell,
        )
    # before the transaction: a beat that finds a wish to stop must not be rolled back
    hold.beat(step="storing", done=STEPS)
    with transaction.atomic():
        _write(test, answer, span)
        if answer.found:
            _signal(test, accounts.values())
        append_event(
            test.case,
            TimelineEvent.Kind.POOL_TESTED,
            actor=None,
            content={"p": test.p, "accounts": test.accounts, "prompts": test.prompts,
                     "not_tested": test.not_tested},
        )  # fmt: skip
        hold.finish()


def _write(test: PoolTest, answer: PoolAnswer, span: dict) -> None:
    found = answer.found
    test.window_start, test.window_end = span["since"], span["until"]
    test.not_tested, test.embedding = answer.why_not[:300], answer.embedding
    test.wordings = answer.wordings
    if found:
        test.p, test.statistic, test.permutations = found.p, found.statistic, found.permutations
        test.accounts, test.prompts = found.units, found.queries
        test.reference_accounts = found.reference_units
        test.reference_prompts = found.reference_queries
    test.save()


def _signal(test: PoolTest, accounts) -> None:
    detector, _ = Detector.objects.update_or_create(
        slug=SLUG, defaults={"name": NAME, "family": "behaviour", "version": VERSION}
    )
    told = (
        f"Pooled prompts of {test.accounts:,} accounts of its case against "
        f"{test.reference_accounts:,} of no case: p {test.p:.2g}. About the case, not the account"
    )
    evidence = {
        "p": test.p,
        "mmd_squared": round(test.statistic, 6),
        "permutations_by_account": test.permutations,
        "prompts": test.prompts,
        "reference_prompts": test.reference_prompts,
        "wordings_left_out": test.wordings,
        "embedding": test.embedding,
        "innocent_twins": ["customers of one product", "a class with one task", "one trade"],
    }
    record_signals(
        [
            Observation(
                ref=f"pool-{test.pk}-{digest(account.external_id)[:32]}",
                account=AccountRef(id=account.external_id, organisation=account.organisation),
                window_start=test.window_start,
                window_end=test.window_end,
                score=round(HIGHEST_SCORE * (1 - test.p), 4),
                summary=told,
                group_key=f"pool-{test.pk}",
                detector_version=VERSION,
                evidence=evidence,
            )
            for account in accounts
        ],
        detector=detector,
        door=Batch.Door.LOGS,
        source=f"pooled test {test.pk}",
    )


def _wordings(accounts) -> set[str]:
    """Fixed words of the templates that two of the accounts or more use."""
    shared = (
        AttributeUse.objects.filter(account__in=accounts, attribute__kind="template")
        .values("attribute__label")
        .annotate(n=Count("account"))
        .filter(n__gte=2)
        .order_by("-n", "attribute__label")
    )
    found = [anchor(row["attribute__label"]) for row in shared[:MOST_WORDINGS]]
    return {words for words, _ in filter(None, found)}


def _others(case: Case) -> list[str]:
    """Accounts of any case: whether they are innocent is being asked, so they are no reference."""
    rows = Member.objects.current().order_by("-pk").values_list("account__external_id", flat=True)
    return list(rows[:MOST_OTHERS])
