"""The pooled test on the log that the desk can read by itself: DETECT_LOGS, else the file or folder
that detect was last run over."""

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from django.conf import settings

from ingest.detectors.embedding import HashedEmbedding
from ingest.detectors.encoder import EncoderMissing, SentenceEncoder
from ingest.detectors.pool import PoolAnswer, Tell, test_pool
from ingest.models import DetectorRun
from ingest.readers import LogError
from ingest.services.detect import configured_source
from ingest.services.log_source import LogSource
from ingest.services.looking import looking

NO_LOG = (
    "there is no log that the desk could read by itself: set DETECT_LOGS, or run detect over files"
)
LOCKED = "the log may not leave its warehouse, and prompts are compared outside of it"


def log_to_read() -> LogSource | None:
    """None: no backend, so nothing can be tested."""
    if settings.DETECT_LOGS:
        return configured_source()
    newest = DetectorRun.objects.filter(state=DetectorRun.State.DONE).order_by("-pk").first()
    if newest is None or newest.locked or not Path(newest.location).exists():
        return None
    return LogSource(newest.location)


def ask_log(
    accounts: Collection[str],
    *,
    since: datetime | None,
    until: datetime | None,
    wordings: Collection[str],
    others: Collection[str],
    tell: Tell,
) -> PoolAnswer:
    """test_pool of the accounts' prompts from since to until. What stands in the way is an answer
    too: *not tested*, and why."""
    source = log_to_read()
    if source is None:
        return PoolAnswer(None, NO_LOG)
    if source.locked:
        return PoolAnswer(None, LOCKED)
    tell("opening the log")
    try:
        with looking(source, lambda text: None) as looked:
            if "prompt" in looked.logs.not_recorded:
                return PoolAnswer(None, "the log does not record prompts")
            looked.cut(since, until)
            return test_pool(
                looked.requests,
                accounts,
                wordings=wordings,
                others=others,
                embed=SentenceEncoder if settings.DETECT_ENCODER else HashedEmbedding,
                tell=tell,
            )
    except (LogError, EncoderMissing) as error:
        return PoolAnswer(None, str(error))
