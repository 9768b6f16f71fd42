"""Which format a log is in: by its columns where they leave no doubt, or as the operator says."""

import duckdb

from ingest.readers import envoy, litellm, otel, plain
from ingest.readers.columns import some
from ingest.readers.duck import connect
from ingest.readers.errors import LogError, UsageExport
from ingest.readers.files import broken, look_for, open_files
from ingest.readers.json_files import json_names
from ingest.readers.opened import Opened
from ingest.readers.usage import ANTHROPIC, OPENAI, Usage, form_of, open_usage

NAMES = (plain.FORM, otel.FORM, litellm.FORM, envoy.FORM, OPENAI, ANTHROPIC)
READERS = {
    otel.FORM: (otel.fits, otel.open_otel, ("json",)),
    litellm.FORM: (litellm.fits, litellm.open_litellm, ("json", "csv", "parquet")),
    envoy.FORM: (envoy.fits, envoy.open_envoy, ("json", "csv", "parquet")),
}


def open_log(location: str, mapping: dict[str, str], wanted: str | None) -> Opened | Usage:
    """The log, taken apart by its format's reader. Raises LogError."""
    if wanted is not None and wanted not in NAMES:
        raise LogError(f"--format {wanted}: no such format; the formats are {', '.join(NAMES)}")
    found = look_for(location)
    connection = connect()
    try:
        table = None if found.form == "json" else open_files(connection, found)
        names = json_names(connection, found) if table is None else list(table.columns)
    except (duckdb.Error, OSError) as error:
        raise broken(error, found) from None
    columns = {name.casefold() for name in names}
    usage = form_of(connection, found, columns) if found.form == "json" else None
    fitting = [form for form, (fits, _, _) in READERS.items() if fits(columns)]
    fitting += [usage] if usage else []
    if wanted not in (None, plain.FORM, *fitting):
        raise LogError(f"--format {wanted}: {location} does not look like it; it has {some(names)}")
    if wanted is None and len(fitting) > 1:
        raise LogError(
            f"{location} looks like {' and '.join(fitting)}: name the files of one format, or say "
            "which it is with --format"
        )
    form = wanted or (fitting[0] if fitting else plain.FORM)
    if form in (OPENAI, ANTHROPIC):
        return open_usage(connection, found, form, mapping)
    if form in READERS:
        _, opening, kinds = READERS[form]
        if found.form not in kinds:
            raise LogError(f"--format {form}: {location} is {found.form}, not {' or '.join(kinds)}")
        try:
            return opening(connection, found, mapping)
        except duckdb.Error as error:
            raise broken(error, found) from None
    return plain.open_plain(connection, open_files(connection, found), found, mapping)


def usage_only(location: str, form: str) -> UsageExport:
    """What a reader of requests says of a usage export."""
    return UsageExport(
        f"{location} is a usage export ({form}): totals of rates, no requests, prompts or "
        "addresses; the detectors need a log of requests"
    )
