from django.conf import settings

from cases.models import GroupingTerms


def current_prior() -> float:
    """P(member of one given campaign) before any evidence: what a lead applied last, else
    MEMBERSHIP_PRIOR."""
    prior = GroupingTerms.objects.order_by("-pk").values_list("prior", flat=True).first()
    return settings.MEMBERSHIP_PRIOR if prior is None else prior
