"""Raw columns become columns of the normal form: Ibis expressions that any backend compiles."""

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

EARLIEST, LATEST = "1990-01-01", "2100-01-01"

# An epoch number between 2001 and 2286 has 10 digits in seconds, 13 in ms, 16 in µs, 19 in ns.
SECONDS_BELOW, MILLIS_BELOW, MICROS_BELOW = 10**11, 10**14, 10**17

DIGITS = r"^\s*[0-9]+(\.[0-9]+)?\s*$"


def as_type(column: ir.Column, wanted: str, longest: int | None = None) -> ir.Column:
    """A raw column as string, int64 or timestamp (UTC, without a zone). Unreadable becomes null."""
    if wanted == "timestamp":
        return as_moment(column)
    if wanted == "int64":
        return as_count(column)
    text = as_text(column)
    return text.substr(0, longest) if longest else text


def as_text(column: ir.Column) -> ir.StringColumn:
    """Text without surrounding blanks; empty means not recorded."""
    kind = column.type()
    if not kind.is_string():
        if kind.is_floating():  # pandas turned a whole number with gaps into a float
            column = column.cast("int64")
        column = column.cast("string")
    return column.strip().nullif("")


def as_count(column: ir.Column) -> ir.IntegerColumn:
    """A whole number that is not negative; everything else is not recorded."""
    kind = column.type()
    if kind.is_string():
        column = column.strip().try_cast("float64")
    elif not kind.is_numeric():
        return ibis.null("int64")
    if column.type().is_floating() or column.type().is_decimal():
        column = ((column >= 0) & (column < 2.0**53)).ifelse(column, ibis.null(column.type()))
    whole = column.cast("int64")
    return (whole >= 0).ifelse(whole, ibis.null("int64"))


def as_moment(column: ir.Column) -> ir.TimestampColumn:
    """A moment in UTC to the millisecond, from a timestamp, ISO text, or an epoch number.

    Seconds, milliseconds, microseconds and nanoseconds are told apart by size, row by row. Text
    without a zone is UTC. What is unreadable, or outside 1990–2100, is null.
    """
    kind = column.type()
    if kind.is_timestamp():
        moment = column.cast("timestamp")  # the session's zone is UTC, so this keeps the moment
    elif kind.is_date():
        moment = column.cast("timestamp")
    elif kind.is_integer():
        moment = _from_epoch(column.cast("int64"), whole=True)
    elif kind.is_floating() or kind.is_decimal():
        moment = _from_epoch(column.cast("float64"), whole=False)
    elif kind.is_string():
        numeric = column.re_search(DIGITS)
        epoch = numeric.ifelse(column.strip(), ibis.null("string")).try_cast("float64")
        words = numeric.ifelse(ibis.null("string"), column.strip())
        # the second form is for text with no zone, where a backend insists on one
        written = ibis.coalesce(
            words.try_cast(dt.Timestamp(timezone="UTC")).cast("timestamp"),
            words.try_cast("timestamp"),
        )
        moment = ibis.coalesce(_from_epoch(epoch, whole=False), written)
    else:
        return ibis.null("timestamp")
    sane = (moment >= ibis.timestamp(EARLIEST)) & (moment < ibis.timestamp(LATEST))
    return sane.ifelse(moment, ibis.null("timestamp"))


def _from_epoch(number: ir.NumericColumn, *, whole: bool) -> ir.TimestampColumn:
    if whole:
        millis = ibis.cases(
            (number < SECONDS_BELOW, number * 1000),
            (number < MILLIS_BELOW, number),
            (number < MICROS_BELOW, (number / 1000).floor().cast("int64")),
            else_=(number / 1_000_000).floor().cast("int64"),
        )
    else:
        millis = ibis.cases(
            (number < SECONDS_BELOW, number * 1000),
            (number < MILLIS_BELOW, number),
            (number < MICROS_BELOW, number / 1000),
            else_=number / 1_000_000,
        ).floor()
    possible = (number >= 0) & (millis < 4.2e12)
    return possible.ifelse(millis.cast("int64"), ibis.null("int64")).as_timestamp("ms")
