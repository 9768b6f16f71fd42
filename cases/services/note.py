from django.contrib.auth.models import User
from django.db import transaction

from cases.models import Case, Note, TimelineEvent
from cases.services.timeline import append_event


@transaction.atomic
def add_note(case: Case, *, actor: User, text: str) -> Note:
    """Write a note. The timeline points at it and does not copy it."""
    note = Note.objects.create(case=case, author=actor, text=text)
    append_event(case, TimelineEvent.Kind.NOTE_ADDED, actor=actor, content={"note": note.pk})
    return note
