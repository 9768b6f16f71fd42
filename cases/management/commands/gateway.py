import contextlib
import os
import signal
import sys
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from cases.connectors.recording_gateway import FAULTS, GatewayServer, RecordingGateway


class Command(BaseCommand):
    help = "Serve a recording gateway: a stand-in platform that takes orders. Needs no database."

    def add_arguments(self, parser):
        parser.add_argument("--port", type=int, default=8099, help="on 127.0.0.1; 0: a free one")
        parser.add_argument("--file", type=Path, required=True, help="one line for each effect")
        parser.add_argument(
            "--secret",
            default=os.environ.get("GATEWAY_SECRET", ""),
            help="whsec_… as the connector has it (or GATEWAY_SECRET, which ps does not show)",
        )
        parser.add_argument("--fault", choices=FAULTS, default="", help="met once by every key")

    def handle(self, *, port, file, secret, fault, **options):
        if not secret:
            raise CommandError("no secret: pass --secret whsec_…, or set GATEWAY_SECRET")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            server = GatewayServer(port, RecordingGateway(file, secret), fault=fault)
        except OSError as error:
            raise CommandError(f"port {port} or {file} cannot be used: {error}") from None
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        self.stdout.write(f"recording gateway on http://127.0.0.1:{server.server_address[1]}/")
        self.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
