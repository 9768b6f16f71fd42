"""The body of a POST: an envelope, cut into its objects without reading into them."""

import msgspec

from ingest.reasons import plain

from .errors import TaxiiError

OBJECTS = 20_000  # in one envelope


def cut(body: bytes) -> list[bytes]:
    """Each object as it was written. Raises TaxiiError 400, 413 or 422; nothing was stored."""
    try:
        outer = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError:
        raise _no_envelope("the body is not a JSON object") from None
    except RecursionError:
        raise _no_envelope("it nests too deeply") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        said = plain(str(error), 200)
        raise TaxiiError(400, "Not JSON", f"The body cannot be read: {said}.") from None
    try:
        objects = msgspec.json.decode(outer.get("objects", b"null"), type=list[msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError):
        raise _no_envelope("objects is not a list") from None
    if not objects:
        raise _no_envelope("objects is empty")
    if len(objects) > OBJECTS:
        raise TaxiiError(
            413, "Too many objects", f"An envelope may hold {OBJECTS:,}: send it in several."
        )
    return [bytes(one) for one in objects]


def _no_envelope(says: str) -> TaxiiError:
    return TaxiiError(
        422, "No envelope", f'Send {{"objects": […]}} with at least one STIX 2.1 object: {says}.'
    )
