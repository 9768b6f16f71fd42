#!/usr/bin/env python
import os
import sys

# Commands that need no database, or start it themselves with progress.
WITHOUT_DATABASE = {
    "help", "version", "collectstatic", "demo", "gateway", "reset", "services", "spectacular",
    "verify_packet",
}  # fmt: skip


def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "analyst.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    wants_help = {"-h", "--help", "--version"} & set(sys.argv[1:])
    try:
        from django.conf import settings

        if settings.EMBEDDED_POSTGRES and command not in WITHOUT_DATABASE and not wants_help:
            from analyst import embedded

            embedded.start_postgres(settings.VAR)
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"stillwatch: {error}")


if __name__ == "__main__":
    main()
