#!/usr/bin/env bash
# A room by REST alone: alice creates it, both join it, alice lists who is in it and ends it, while its events are printed
# as they arrive, as server-sent events.
#
#   export ALICE=$(npm run -s token -- alice) BOB=$(npm run -s token -- bob)
#   docs/examples/curl.sh [address of the gateway]
#
# See docs/rest.md for every path.
set -euo pipefail

rtc=${1:-http://localhost:3000}/im/api/v1/rtc

# request <token> <method> <path> [body]: prints the answer; fails with the gateway's problem if it refuses
request() {
  local answer
  answer=$(curl -sS --fail-with-body -X "$2" "$rtc$3" -H "Authorization: Bearer $1" \
    ${4:+-H 'Content-Type: application/json' -d "$4"}) || { echo "$answer" >&2 && return 1; }
  echo "$answer"
}

created=$(request "$ALICE" POST /rooms '{"type":"group","participantIds":["bob"]}')
room=$(grep -oE '[0-9a-f-]{36}' <<<"$created" | head -n 1)
echo "room $room"

# From the first event on, wherever the room stands by now. The stream ends by itself after `room_ended`.
curl -sSN --fail "$rtc/rooms/$room/events?after=0" -H "Authorization: Bearer $ALICE" |
  while IFS= read -r line; do
    case $line in "event: "*) echo "$line" ;; esac
  done &
events=$!

request "$ALICE" POST "/rooms/$room/join" >/dev/null
request "$BOB" POST "/rooms/$room/join" >/dev/null
request "$ALICE" GET "/rooms/$room/participants"
request "$ALICE" GET '/rooms?status=active&first=1'
request "$ALICE" POST "/rooms/$room/end" >/dev/null

wait "$events"
