#!/usr/bin/env bash
# Sends docs/examples/order.json once, signed with openssl. Needs: bash, curl, openssl
#
# GATEWAY_URL=http://127.0.0.1:8080/v1/partner/dev SECRET=whsec_… docs/examples/partner_order.sh
set -euo pipefail
: "${GATEWAY_URL:?}" "${SECRET:?}"
body=$(dirname "${BASH_SOURCE[0]}")/order.json
id=msg_$(openssl rand -hex 16)
timestamp=$(date +%s)
key=$(printf %s "${SECRET#whsec_}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
# Over the exact bytes that are sent: "{id}.{timestamp}." and the body.
signature=v1,$({ printf '%s.%s.' "$id" "$timestamp"; cat "$body"; } |
  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | openssl base64 -A)
curl -sS -w '\n%{http_code}\n' -X POST "$GATEWAY_URL" \
  -H 'content-type: application/json' \
  -H "webhook-id: $id" -H "webhook-timestamp: $timestamp" -H "webhook-signature: $signature" \
  --data-binary "@$body"
