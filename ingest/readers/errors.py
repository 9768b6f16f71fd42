"""What can be wrong with a log, in one line that says what to do."""


class LogError(Exception):
    """The log can't be read as it is. The text is one line, meant for the operator."""
