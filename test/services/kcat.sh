#!/usr/bin/env bash
# kcat, the command line on librdkafka, as Debian packages it.
#   kcat.sh install DIR
set -euo pipefail
. "$(dirname "$0")/common.sh"
arguments "$@"
[ "$action" = install ] || usage
command -v kcat >/dev/null || { apt-get update -qq; apt-get install -y -qq --no-install-recommends kcat; } >/dev/null
