#!/usr/bin/env bash
# Kafka's clients that the listener is tested with, from their packages: Java 3.8 with its command-line tools and Streams, Python's
# three, franz-go. Java 4.x and its tools are those of kafka.sh.
#   kafka-clients.sh install DIR
set -euo pipefail
. "$(dirname "$0")/common.sh"
arguments "$@"
[ "$action" = install ] || usage
programs=$(cd "$(dirname "$0")/../compat" && pwd)
clients=$dir

if [ ! -d "$clients/java-3.8/lib" ]; then
  mkdir -p "$clients/java-3.8"
  dir=$clients/java-3.8
  maven_libs org.apache.kafka:kafka_2.13:3.8.1 org.apache.kafka:kafka-tools:3.8.1 org.apache.kafka:kafka-streams:3.8.1 \
    org.apache.avro:avro:1.12.0 org.slf4j:slf4j-simple:1.7.36
  rm -f "$dir"/lib/slf4j-reload4j-* # of two loggers one is named at every start
fi

if [ ! -e "$clients/python/installed" ]; then
  "${PYTHON:-python3}" -m venv "$clients/python"
  "$clients/python/bin/pip" install -q --disable-pip-version-check confluent-kafka==2.16.1 kafka-python==3.0.12 aiokafka==0.14.0 \
    cramjam==2.11.0 lz4==4.4.5 python-snappy==0.7.3 zstandard==0.25.0
  touch "$clients/python/installed"
fi

(cd "$programs/go" && CGO_ENABLED=0 go build -o "$clients/franz-go" .)
