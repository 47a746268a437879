"""Drives a ksqlDB REST interface with the package ksqldb; prints what it saw as one line of JSON."""
import asyncio
import json
import sys
import time

from ksqldb import KSQLdbClient

client = KSQLdbClient(sys.argv[1])
seen = {}
reply = client.ksql(
    "CREATE STREAM d (id STRING KEY, n INT) WITH (kafka_topic='d', partitions=1, value_format='JSON');"
    "CREATE TABLE d_sum AS SELECT id, SUM(n) AS total FROM d GROUP BY id;"
)
seen["created"] = reply[-1]["commandStatus"]["status"]
seen["acks"] = client.inserts_stream("d", [{"id": "x", "n": 1}, {"id": "y", "n": 2}])


async def push():
    rows = []
    earliest = {"auto.offset.reset": "earliest"}
    async for item in client.query_async("SELECT * FROM d EMIT CHANGES;", stream_properties=earliest):
        if isinstance(item, dict):
            query = item["queryId"]
        else:
            rows.append(item)
        if len(rows) == 2:
            return rows, client.close_query(query)


seen["pushed"], seen["closed"] = asyncio.run(push())
deadline = time.time() + 20
while time.time() < deadline:
    pulled = client.query_sync("SELECT * FROM d_sum WHERE id='x';")
    if len(pulled) > 1:
        break
    time.sleep(0.05)
seen["pulled"] = pulled[1:]
seen["property"] = any(p["name"] == "ksql.service.id" for p in client.get_properties())
print(json.dumps(seen))
