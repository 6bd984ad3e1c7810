#!/bin/sh
set -eu

# The command gets the token in its environment; nothing is printed.
token-broker exec crash-symbols --env BUGSPLAT_TOKEN -- sh -c 'echo "a token of ${#BUGSPLAT_TOKEN} characters"'

# "-H @-" reads the header from the pipe, so that no process list shows it.
token-broker token onboarding --header |
  curl -sS --fail-with-body -H @- "${BITS_API:-https://api.bits.bi}/oauth2/userinfo"
