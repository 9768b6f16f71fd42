"""Running windows over a log that grows: which one is due, and what came too late. Pure.

Windows have one size and one step, both whole hours, and lie on multiples of the step, so that
every process sees the same ones. One is due once the log has gone past its end by the lateness, and
it is told once. Since windows are longer than the step they overlap: a line that comes after its
window was told is taken by the next window that covers its time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Pace:
    """Raises ValueError for what is no whole hour, or a step beyond the size."""

    size: timedelta
    step: timedelta
    lateness: timedelta

    def __post_init__(self):
        if self.size % HOUR or self.step % HOUR or not HOUR <= self.step <= self.size:
            raise ValueError("window and step are whole hours, and no step is beyond the window")


def watermark(newest: datetime, now: datetime, lateness: timedelta) -> datetime:
    """Up to where the log is taken as complete. A line of tomorrow moves no clock; a log that
    stands still doesn't either, so that an outage closes no window."""
    return min(newest, now) - lateness


def next_window(
    last_end: datetime | None, mark: datetime, pace: Pace
) -> tuple[datetime, datetime] | None:
    """The window to tell next, or None while it is not complete. Without an earlier one that is the
    latest complete one: history is not told by itself."""
    if last_end is None:
        end = EPOCH + (mark - EPOCH) // pace.step * pace.step
    else:
        end = EPOCH + ((last_end - EPOCH) // pace.step + 1) * pace.step
    return (end - pace.size, end) if end <= mark else None


def late_lines(
    before: Mapping[str, int], now: Mapping[str, int], start: datetime, closed_at: datetime
) -> int:
    """Requests of whole hours from start to closed_at that the earlier count did not have. Keys are
    hours as hour_key writes them; fewer than before (a log that was cut) counts as none."""
    return sum(
        max(0, count - before.get(hour, 0))
        for hour, count in now.items()
        if hour_key(start) <= hour < hour_key(closed_at)
    )


def hour_key(moment: datetime) -> str:
    """Hours as text that sorts by time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H")
