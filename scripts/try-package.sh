#!/usr/bin/env bash
# Packs the package, installs it elsewhere and starts it there: what is published must run without this checkout.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${pid:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
npm pack --silent --pack-destination "$folder" >/dev/null
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund ./millrace-*.tgz
node_modules/.bin/millrace start --dir data --kafka-port 0 --registry-port 0 --connect-port 0 --sql-port 0 --console-port 0 --log-format json >out 2>err &
pid=$!
for _ in $(seq 100); do grep -q '"ready"' err && break; sleep 0.1; done
grep '"ready"' err >/dev/null || { cat out err >&2; exit 1; }
kill "$pid"
wait "$pid"
unset pid
node --input-type=module -e 'import { Millrace } from "millrace"; const m = await Millrace.start({ dir: "embedded", ports: { kafka: 0, registry: 0, restProxy: 0, connect: 0, sql: 0, console: 0 } }); await m.close(); console.log("embedded: started and stopped");'
echo "the packed package installs, starts and stops elsewhere"
