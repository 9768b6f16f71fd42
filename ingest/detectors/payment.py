"""Payment: cards that many unrelated customers share without working together.

Never a flag. A reseller's card, a gift-card batch or a purchasing office pays for customers who
have been there long, use clients of their own and keep human hours; a campaign's card pays for
accounts that were opened for the purpose.
"""

import pandas as pd

from ingest.detectors.values import human, mixed, settled


def marks(values: pd.DataFrame) -> pd.Series:
    """reseller, or "" where the payment's users don't behave like one's customers."""
    fits = (values.kind == "payment") & mixed(values) & settled(values) & human(values)
    return fits.map({True: "reseller", False: ""})
