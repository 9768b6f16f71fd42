"""What entries of the allow-list hide: accounts that would be members without the list."""

from django.db.models import QuerySet

from cases.models import AllowEntry, PreviewMember, RegroupPreview
from cases.services.left_out import attributes_of
from ingest.models import Account, AttributeUse


def covered(entry: AllowEntry) -> QuerySet[Account]:
    """The accounts that an entry names, or that carry the value that it names."""
    if entry.kind == AllowEntry.Kind.ACCOUNT:
        return Account.objects.filter(external_id=entry.value)
    if entry.kind == AllowEntry.Kind.ORGANISATION:
        return Account.objects.filter(organisation=entry.value)
    uses = AttributeUse.objects.filter(attribute__in=attributes_of([entry.pk]).tolist())
    return Account.objects.filter(pk__in=uses.values("account"))


def hidden_by(entry: AllowEntry, count: RegroupPreview) -> QuerySet[PreviewMember]:
    """Of a preview of kind hidden, the accounts that an entry covers and that would join."""
    rows = PreviewMember.objects.filter(of__preview=count, change=PreviewMember.Change.JOINS)
    return rows.filter(account__in=covered(entry).values("pk"))


def hidden_counts(count: RegroupPreview) -> dict[str, int]:
    """By key of each entry in force how many accounts it hides; kept with the preview, so that
    the list of entries need not count."""
    return {
        str(entry.pk): hidden_by(entry, count).values("account").distinct().count()
        for entry in AllowEntry.objects.in_force()
    }
