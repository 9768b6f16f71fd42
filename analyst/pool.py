"""What the case page says of the test of its pooled prompts."""

from cases.models import Case, PoolTest
from cases.services.pool import discovery_rate
from ingest.models import Job

SMALL = 0.05  # false-discovery rate at which the line says that the pool is unlike the rest


def pool_of(case: Case) -> dict:
    """The newest test that is told, the one at work, and the line about them."""
    newest = list(case.pool_tests.select_related("job").order_by("-pk")[:2])
    at_work = next((test for test in newest if not test.job.is_over), None)
    told = next((test for test in newest if test.is_told), None)
    failed = newest[0] if newest and newest[0].job.state == Job.State.FAILED else None
    return {
        "at_work": at_work,
        "told": told,
        "says": says(told),
        "failed": failed.job.error if failed else "",
    }


def says(test: PoolTest | None) -> str:
    if test is None:
        return "Not tested yet: whether its prompts, pooled, are like those of accounts of no case."
    if test.p is None:
        return f"Not tested: {test.not_tested}."
    q, tests = discovery_rate(test)
    verdict = (
        "unlike accounts of no case" if q <= SMALL else "not to be told from accounts of no case"
    )
    among = "the only test" if tests == 1 else f"among {tests:,} tests"
    return (
        f"{test.prompts:,} held-out prompts of {test.accounts:,} accounts, pooled, are {verdict} "
        f"({test.reference_accounts:,} of them, {test.reference_prompts:,} prompts): "
        f"p {test.p:.2g}, q {q:.2g} {among}."
    )
