"""A large suspension needs a sampled verdict; none may rest on a sample that is against it."""

from django.conf import settings
from django.db.models import QuerySet

from cases.errors import CaseError
from cases.models import Case, Enforcement
from cases.services.sample_result import bound_of, newest_result

HARD = (Enforcement.Kind.SUSPEND, Enforcement.Kind.REVOKE)


def refuse_unsampled(case: Case, kind: str, rows: QuerySet) -> None:
    """Raise CaseError where a suspension is not borne out by a sample; rows have an account_id.

    Above SAMPLE_ABOVE accounts the upper limit of the wrong ones must be at most SAMPLE_MAX_WRONG
    of them; below it a sample is not asked for, but one whose lower limit is above stops it too.
    """
    if kind not in HARD:
        return
    accounts = set(rows.values_list("account_id", flat=True))
    most, many = settings.SAMPLE_MAX_WRONG, len(accounts) > settings.SAMPLE_ABOVE
    sample = newest_result(case)
    if sample is None:
        if many:
            raise CaseError(
                f"This would stop {len(accounts):,} accounts, and above {settings.SAMPLE_ABOVE:,} "
                f"a sample of {case.ref} must be read blind first: confirm it by sample, or order "
                "something that is lighter to bear."
            )
        return
    bound = bound_of(sample, accounts)
    if bound.share_at_least > most or (many and bound.share_at_most > most):
        late = f" {bound.uncovered:,} of them came after the draw." if bound.uncovered else ""
        raise CaseError(
            f"Up to {bound.wrong.at_most:,} of these {bound.wrong.of:,} accounts may be wrong "
            f"({bound.share_at_most:.0%}, by the sample of {sample.drawn_at:%-d %B}), and "
            f"{most:.0%} is the most that a suspension may risk.{late} Read a larger sample, leave "
            "a tier out, judge out who is wrong, or limit instead."
        )
