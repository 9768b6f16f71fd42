"""Media types of TAXII 2.1 §1.6.8, as clients ask for them and as bodies are labelled."""

TAXII = "application/taxii+json;version=2.1"
STIX = "application/stix+json;version=2.1"


def acceptable(accept: str) -> bool:
    """Whether an Accept header lets TAXII 2.1 be answered. None sent: all is welcome."""
    if not accept.strip():
        return True
    return any(_takes(part) for part in accept.split(","))


def is_taxii(content_type: str) -> bool:
    """Whether a body is labelled as TAXII, of version 2.1 or of none in particular."""
    name, parameters = _parse(content_type)
    return name == "application/taxii+json" and parameters.get("version", "2.1") == "2.1"


def _takes(part: str) -> bool:
    name, parameters = _parse(part)
    try:
        if float(parameters.get("q", "1")) <= 0:
            return False
    except ValueError:
        return False
    if name in ("*/*", "application/*"):
        return True
    return name == "application/taxii+json" and parameters.get("version", "2.1") == "2.1"


def _parse(text: str) -> tuple[str, dict[str, str]]:
    name, *rest = (piece.strip() for piece in text.lower().split(";"))
    pairs = (piece.partition("=") for piece in rest)
    return name, {key.strip(): value.strip().strip('"') for key, _, value in pairs}
