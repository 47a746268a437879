#!/usr/bin/env bash
# Clients of Kafka Connect's and ksqlDB's REST that others wrote: each Python package in an environment of its own (two share a module's name),
# and the Java one with what it needs.
#   connect-clients.sh install DIR
set -euo pipefail
. "$(dirname "$0")/common.sh"
arguments "$@"
[ "$action" = install ] || usage

# environment NAME PACKAGE...
environment() {
  local home=$dir/$1; shift
  [ -e "$home/installed" ] && return
  "${PYTHON:-python3}" -m venv "$home"
  "$home/bin/pip" install -q --disable-pip-version-check "$@"
  touch "$home/installed"
}

environment kc kafka-connect-py==1.0.0
environment api kafka-connect-api==0.5.10
environment kafkaconnect kafkaconnect==1.3.1 confluent-kafka==2.16.0 click requests
environment healthcheck kafka-connect-healthcheck==0.3.0
environment ksqldb ksqldb==1.0.1 "httpx[http2]==0.28.1" requests==2.32.5
[ -d "$dir/lib" ] || maven_libs org.sourcelab:kafka-connect-client:4.0.4 org.slf4j:slf4j-nop:1.7.36
