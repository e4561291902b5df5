"""Sends docs/examples/order.json three times, signed. Needs: pip install standardwebhooks

GATEWAY_URL=http://127.0.0.1:8080/v1/partner/dev SECRET=whsec_… python3 partner_order.py
"""
import os
import pathlib
import urllib.error
import urllib.request
import uuid
from datetime import datetime, timezone

from standardwebhooks.webhooks import Webhook

body = pathlib.Path(__file__).with_name("order.json").read_text(encoding="utf-8")
message_id = f"msg_{uuid.uuid4().hex}"  # one id for what is said; a repeat keeps it
for attempt in range(1, 4):
    now = datetime.now(timezone.utc)  # every attempt is signed anew
    headers = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(os.environ["SECRET"]).sign(message_id, now, body),
    }
    request = urllib.request.Request(os.environ["GATEWAY_URL"], body.encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            print(attempt, answer.status, answer.read().decode())
    except urllib.error.HTTPError as refused:
        print(attempt, refused.code, refused.read().decode())
