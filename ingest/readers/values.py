"""Raw columns become columns of the normal form: Ibis expressions that any backend compiles."""

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

EARLIEST, LATEST = "1990-01-01", "2100-01-01"

# An epoch number between 2001 and 2286 has 10 digits in seconds, 13 in ms, 16 in µs, 19 in ns.
SECONDS_BELOW, MILLIS_BELOW, MICROS_BELOW = 10**11, 10**14, 10**17

# …302.417 as a floating number may be …302.41699999: a moment keeps its millisecond
HALF_A_MICROSECOND = 0.0005

WHOLE = r"^\s*[0-9]{1,19}\s*$"
DIGITS = r"^\s*[0-9]+(\.[0-9]+)?\s*$"

# How a moment was written. A column holds one unit of epoch numbers, or it is refused.
UNITS = {1: "seconds", 2: "milliseconds", 3: "microseconds", 4: "nanoseconds"}
WITHOUT_ZONE = 5
WITH_ZONE = 6

# In capitals. Databases pass over what follows a moment ("PM", an offset after a blank), so the
# whole text is matched; a day alone ends like an offset: a zone counts only after a time of day.
DAY = r"^[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}"
TIME = r"[T ][0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?"
ZONE = r"(Z|[+-][0-9]{2}(:?[0-9]{2})?| ?(UTC|GMT|[A-Z]+/[A-Z_/+0-9-]+))"
BARE, ZONED = f"{DAY}({TIME})?$", f"{DAY}{TIME}{ZONE}$"


@ibis.udf.scalar.builtin(name="timezone")
def at_zone(zone: str, moment: dt.Timestamp()) -> dt.Timestamp(timezone="UTC"):
    """The moment that clocks of the zone show so. DuckDB only."""


def as_type(
    column: ir.Column, wanted: str, longest: int | None = None, zone: str | None = None
) -> ir.Column:
    """A raw column as string, int64 or timestamp (UTC, without a zone). Unreadable becomes null."""
    if wanted == "timestamp":
        return as_moment(column, zone)
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
    return stripped(column).nullif("")


def stripped(text: ir.StringColumn) -> ir.StringColumn:
    """The text without surrounding blanks, asked only of those that have one to lose: prompts are
    long. Not strip(): Ibis writes a \\v and a \\f for it that Spark and Snowflake read as letters,
    and they would be cut from names."""
    loses = text.re_search(r"^\s") | text.re_search(r"\s$")
    return loses.ifelse(text.re_replace(r"^\s+|\s+$", ""), text)


def as_count(column: ir.Column) -> ir.IntegerColumn:
    """A whole number that is not negative; everything else is not recorded."""
    kind = column.type()
    if kind.is_string():
        column = stripped(column).try_cast("float64")
    elif not kind.is_numeric():
        return ibis.null("int64")
    if column.type().is_floating() or column.type().is_decimal():
        column = ((column >= 0) & (column < 2.0**53)).ifelse(column, ibis.null(column.type()))
    whole = column.cast("int64")
    return (whole >= 0).ifelse(whole, ibis.null("int64"))


def as_moment(column: ir.Column, zone: str | None = None) -> ir.TimestampColumn:
    """A moment in UTC to the millisecond, from a timestamp, ISO text, or an epoch number.

    Seconds, milliseconds, microseconds and nanoseconds are told apart by size; writing() says
    which it was. What names no zone is of the given one, else UTC. What is unreadable, or outside
    1990–2100, is null.
    """
    return _sane(_moment(column, zone))


def writing(column: ir.Column) -> ir.IntegerColumn:
    """How the moment of a row is written: a key of UNITS, WITHOUT_ZONE or WITH_ZONE; null where
    as_moment gives none."""
    kind = column.type()
    if kind.is_timestamp() and kind.timezone:
        how = ibis.literal(WITH_ZONE)
    elif kind.is_timestamp() or kind.is_date():
        how = ibis.literal(WITHOUT_ZONE)
    elif kind.is_numeric():
        how = _unit(column.cast("float64"))
    elif kind.is_string():
        how = column.re_search(DIGITS).ifelse(
            _unit(stripped(column).try_cast("float64")),
            _words(column).re_search(ZONED).ifelse(WITH_ZONE, WITHOUT_ZONE),
        )
    else:
        return ibis.null("int8")
    return as_moment(column).notnull().ifelse(how.cast("int8"), ibis.null("int8"))


def _unit(number: ir.FloatingColumn) -> ir.IntegerColumn:
    return ibis.cases(
        (number < SECONDS_BELOW, 1), (number < MILLIS_BELOW, 2), (number < MICROS_BELOW, 3), else_=4
    )


def _moment(column: ir.Column, zone: str | None) -> ir.TimestampColumn:
    kind = column.type()
    if kind.is_timestamp() and kind.timezone:
        return column.cast("timestamp")  # the session's zone is UTC, so this keeps the moment
    if kind.is_timestamp() or kind.is_date():
        return _placed(column.cast("timestamp"), zone)
    if kind.is_integer():
        return _from_epoch(column.cast("int64"), whole=True)
    if kind.is_floating() or kind.is_decimal():
        return _from_epoch(column.cast("float64"), whole=False)
    if not kind.is_string():
        return ibis.null("timestamp")
    whole, numeric = column.re_search(WHOLE), column.re_search(DIGITS)
    text, none = stripped(column), ibis.null("string")
    words = _words(column)
    zoned = words.re_search(ZONED).ifelse(words, ibis.null("string"))
    bare = words.re_search(BARE).ifelse(words, ibis.null("string"))
    return ibis.coalesce(
        _from_epoch(whole.ifelse(text, none).try_cast("int64"), whole=True),
        _from_epoch((numeric & ~whole).ifelse(text, none).try_cast("float64"), whole=False),
        zoned.try_cast(dt.Timestamp(timezone="UTC")).cast("timestamp"),
        _placed(bare.try_cast("timestamp"), zone),
    )


def _words(column: ir.StringColumn) -> ir.StringColumn:
    """A moment as text, in the spelling that the patterns and the backend take."""
    return stripped(column).upper().replace(",", ".").re_replace(r"\s+([+-][0-9:]+)$", r"\1")


def _placed(moment: ir.TimestampColumn, zone: str | None) -> ir.TimestampColumn:
    if zone is None or zone.upper() == "UTC":
        return moment
    return at_zone(zone, moment).cast("timestamp")


def _sane(moment: ir.TimestampColumn) -> ir.TimestampColumn:
    sane = (moment >= ibis.timestamp(EARLIEST)) & (moment < ibis.timestamp(LATEST))
    return sane.ifelse(moment, ibis.null("timestamp"))


def _floor(number: ir.IntegerColumn, by: int) -> ir.IntegerColumn:
    # backends divide whole numbers as floating ones, of which 19 digits lose the last ones
    return ((number - number % by) / by).round().cast("int64")


def _from_epoch(number: ir.NumericColumn, *, whole: bool) -> ir.TimestampColumn:
    if whole:
        millis = ibis.cases(
            (number < SECONDS_BELOW, number * 1000),
            (number < MILLIS_BELOW, number),
            (number < MICROS_BELOW, _floor(number, 1000)),
            else_=_floor(number, 1_000_000),
        )
    else:
        millis = ibis.cases(
            (number < SECONDS_BELOW, number * 1000),
            (number < MILLIS_BELOW, number),
            (number < MICROS_BELOW, number / 1000),
            else_=number / 1_000_000,
        )
        millis = (millis + HALF_A_MICROSECOND).floor()
    possible = (number >= 0) & (millis < 4.2e12)
    return possible.ifelse(millis.cast("int64"), ibis.null("int64")).as_timestamp("ms")
