"""A LiteLLM proxy by a list that it reads: hooks/stillwatch_litellm.py inside the proxy takes the
orders of the webhook contract and holds every request against them. Tested live against a proxy
(python -m tests.live.litellm_proxy), without a database.
"""

from cases.connectors.protocol import Endpoint, ReadBackFailed, Reading, Target, Wire
from cases.connectors.webhook import Webhook


class LiteLLMList(Webhook):
    """Its address is the proxy's /stillwatch/orders, its secret the hook's STILLWATCH_SECRET."""

    def __init__(self, endpoint: Endpoint, wire: Wire):
        super().__init__(endpoint, wire)
        self.honours_key = self.reads_back = True  # the hook is ours: it always does both

    def read(self, target: Target) -> Reading:
        found = super().read(target)
        if found.state is None:  # the hook knows every account: this is the proxy without it
            raise ReadBackFailed("the proxy answered 404: is the hook its custom_auth?")
        return found
