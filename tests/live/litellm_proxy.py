"""The list inside a real LiteLLM proxy, by hand: python -m tests.live.litellm_proxy PATH_OF_LITELLM

PATH_OF_LITELLM is the `litellm` of an environment of its own (pip install 'litellm[proxy]'), since
the proxy pins half the world. The model is a mock and there is no database. Each line is one thing
that must be true; exit 1 when one is not. Planted: the same with the hook left out must fail.
"""

import argparse
import base64
import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

from cases.connectors.litellm_list import LiteLLMList
from cases.connectors.protocol import Command, Endpoint, Target, Wire
from tests.processes import ROOT, open_port

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
HOOK = ROOT / "cases" / "connectors" / "hooks" / "stillwatch_litellm.py"
CONFIG = """
model_list:
  - model_name: orion
    litellm_params: {{model: openai/orion, api_key: none, mock_response: hello}}
general_settings: {{custom_auth: {auth}, master_key: sk-master}}
litellm_settings: {{telemetry: false}}
"""
OWN_AUTH = """
from fastapi import HTTPException
from litellm.proxy._types import UserAPIKeyAuth

async def check(request, api_key):
    if not api_key.startswith("sk-"):
        raise HTTPException(401)
    account, _, rest = api_key.removeprefix("sk-").partition("+")
    return UserAPIKeyAuth(
        api_key=api_key, user_id=account, end_user_id=rest or None, org_id="org-" + account
    )
"""


class Proxy:
    def __init__(self, litellm: str, folder: Path, auth: str):
        self.litellm, self.folder, self.port = litellm, folder, open_port()
        shutil.copy(HOOK, folder)
        (folder / "own_auth.py").write_text(OWN_AUTH)
        (folder / "config.yaml").write_text(CONFIG.format(auth=auth))
        self.numbers = 0

    @contextlib.contextmanager
    def running(self):
        env = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        env |= {
            "STILLWATCH_SECRET": SECRET, "STILLWATCH_NEXT": "own_auth.check",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }  # fmt: skip
        with open(self.folder / "proxy.log", "ab") as log:
            process = subprocess.Popen(
                [self.litellm, "--config", "config.yaml", "--host", "127.0.0.1", "--port",
                 str(self.port)],
                cwd=self.folder, env=env, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            end = time.monotonic() + 180
            while self.status("GET", "/health/liveliness") != 200:
                if time.monotonic() > end or process.poll() is not None:
                    raise SystemExit((self.folder / "proxy.log").read_text()[-3000:])
                time.sleep(0.5)
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def status(self, method: str, path: str, key: str = "", body=None) -> int:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", method=method,
            data=json.dumps(body).encode() if body else None,
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )  # fmt: skip
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def ask(self, key: str) -> int:
        """One completion with this key."""
        body = {"model": "orion", "messages": [{"role": "user", "content": "hi"}]}
        return self.status("POST", "/v1/chat/completions", key, body)

    def connector(self, secret: str = SECRET) -> LiteLLMList:
        endpoint = Endpoint(
            f"http://127.0.0.1:{self.port}/stillwatch/orders", secret, ("127.0.0.1",)
        )
        return LiteLLMList(endpoint, Wire(endpoint))

    def order(self, kind: str, state: str, target: Target, **more) -> bool:
        """Carry one order out; whether it reads back as ordered."""
        self.numbers += 1
        command = Command(
            key=f"key-{self.numbers}", kind=kind, target=target, state=state, reason="rule 4.2",
            order=f"O-{self.numbers}", at=datetime.now(UTC), **more,
        )  # fmt: skip
        answer = self.connector().apply(command)
        return answer.status == 200 and self.connector().holds(
            self.connector().read(target), command
        )


def checks(proxy: Proxy):
    """(what must be true, whether it is), in turn."""
    ann = Target("ann")
    yield "an account without an order is let in", proxy.ask("sk-ann") == 200
    yield "whom its own check refuses stays refused", proxy.ask("nobody") in (401, 403)
    yield "the probe says that the hook is there", proxy.connector().probe().ok
    wrong = "whsec_" + base64.b64encode(b"x" * 32).decode()
    yield "a wrong secret is told apart", not proxy.connector(wrong).probe().ok
    yield "a suspension reads back", proxy.order("suspend", "suspended", ann)
    yield "a suspended account gets 403", proxy.ask("sk-ann") == 403
    yield "another account does not", proxy.ask("sk-bob") == 200
    yield "reinstating reads back", proxy.order("reinstate", "active", ann)
    yield "a reinstated account is let in", proxy.ask("sk-ann") == 200
    yield (
        "asking to verify gets 403",
        (proxy.order("verify", "verify", ann) and proxy.ask("sk-ann") == 403),
    )
    yield "a limit reads back", proxy.order("limit", "limited", Target("cat"), limits={"rpm": 2})
    yield (
        "the third request in a minute gets 429",
        ([proxy.ask("sk-cat") for _ in range(3)] == [200, 200, 429]),
    )
    key = hashlib.sha256(b"sk-dan+eve").hexdigest()
    yield (
        "a revoked key gets 403, its account's other key does not",
        (
            proxy.order("revoke", "revoked", Target("dan", "key", key))
            and proxy.ask("sk-dan+eve") == 403
            and proxy.ask("sk-dan") == 200
        ),
    )
    yield (
        "an end user is stopped, the account is not",
        (
            proxy.order("suspend", "suspended", Target("fay", "end_user", "gil"))
            and proxy.ask("sk-fay+gil") == 403
            and proxy.ask("sk-fay") == 200
        ),
    )
    yield (
        "an organisation is stopped",
        (
            proxy.order("suspend", "suspended", Target("hal", "organisation", "org-hal"))
            and proxy.ask("sk-hal") == 403
        ),
    )


def after_a_kill(proxy: Proxy):
    yield "after kill -9 the list is as it was", proxy.ask("sk-dan+eve") == 403
    yield "and says so", proxy.connector().read(Target("ann")).state == "verify"


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("litellm")
    options.add_argument("--without-hook", action="store_true", help="the planted fault")
    options = options.parse_args()
    auth = "own_auth.check" if options.without_hook else "stillwatch_litellm.user_api_key_auth"
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        proxy = Proxy(options.litellm, Path(folder), auth)
        for part in (checks, after_a_kill):
            with proxy.running():
                try:
                    for says, true in part(proxy):
                        print(f"{'ok  ' if true else 'FAIL'} {says}", flush=True)
                        failed += not true
                except Exception as error:  # what the planted fault breaks is told, not thrown
                    print(f"FAIL {type(error).__name__}: {error}", flush=True)
                    failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
