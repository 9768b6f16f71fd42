"""Registration: mail domains and sign-up patterns that are everybody's.

Never a flag. A public mail provider and a common form of name tie nobody; a domain or a form that
few use, or that only accounts opened for the purpose use, stays unmarked.
"""

import pandas as pd

from ingest.detectors.values import mixed, settled

COMMON = 20  # organisations; fewer make no provider
SPREAD = 0.5  # network blocks for each account: its users sit in places of their own
KINDS = ("email_domain", "registration")


def marks(values: pd.DataFrame) -> pd.Series:
    """provider, or "" where the value's users are few, new, of one kind or in one place."""
    fits = (
        values.kind.isin(KINDS)
        & (values.parties >= COMMON)
        & mixed(values)
        & settled(values)
        & (values.blocks >= SPREAD * values.accounts)
    )
    return fits.map({True: "provider", False: ""})
