"""What an approval approves, as one number: any change to an order gives another."""

import hashlib
import json

from django.db import connection

from cases.models import Enforcement

# lengths before texts, so that no two lists of targets read alike
ITEMS = """
SELECT count(*), encode(sha256(convert_to(coalesce(string_agg(
    account_id || ':' || length(target) || ':' || target || ':' || stage, ','
    ORDER BY account_id, target
), ''), 'UTF8')), 'hex')
FROM cases_enforcementitem WHERE enforcement_id = %s
"""


def hash_of(order: Enforcement) -> str:
    """SHA-256 over kind, targets, plan, parameters, connector, end, reason and notice."""
    with connection.cursor() as cursor:
        cursor.execute(ITEMS, [order.pk])
        items, digest = cursor.fetchone()
    content = {
        "order": order.number,
        "case": order.case_id,
        "kind": order.kind,
        "target_kind": order.target_kind,
        "parameters": order.parameters,
        "connector": order.connector_id,
        "reverses": order.reverses_id,
        "reason": order.reason,
        "notice": order.notice,
        "expires_at": order.expires_at.isoformat() if order.expires_at else "",
        "plan": order.plan,
        "stages": order.stages,
        "stage_minutes": order.stage_minutes,
        "window_minutes": order.window_minutes,
        "items": items,
        "items_digest": digest,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
