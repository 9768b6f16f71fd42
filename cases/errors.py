class CaseError(Exception):
    """A refusal that a person can read: what is wrong and what to do next."""


class CaseMoved(CaseError):
    """Somebody else changed the case first."""

    def __init__(self, case):
        owner = f", claimed by {case.owner}" if case.owner_id else ""
        super().__init__(f"{case.ref} is {case.get_status_display()}{owner}. Reload to see it.")


class NotAllowed(CaseError):
    """The person may see this, but not do it."""
