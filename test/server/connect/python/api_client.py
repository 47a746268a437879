"""Drives a Connect REST interface with kafka-connect-api; prints what it saw as one line of JSON."""
import json
import sys
import time

from kafka_connect_api.errors import GenericNotFound
from kafka_connect_api.kafka_connect_api import Api, Cluster, Connector


def exists(connector):
    try:
        return connector.exists()
    except GenericNotFound:
        return False


host, port, config = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
cluster = Cluster(Api(host, port=port))
seen = {"version": cluster.version, "cluster": cluster.kafka_cluster}
connector = Connector(cluster, "by-api")
seen["before"] = exists(connector)
connector.config = config
deadline = time.time() + 10
while time.time() < deadline and not (connector.tasks and connector.tasks[0].is_running()):
    time.sleep(0.05)
seen["exists"] = exists(connector)
seen["state"] = connector.state
seen["class"] = connector.connector_class
seen["tasks"] = [repr(t.state) for t in connector.tasks]
connector.pause()
seen["paused"] = connector.state
connector.resume()
seen["resumed"] = connector.state
connector.restart_all_tasks()
seen["names"] = sorted(cluster.connectors)
cluster.root_logger = "WARN"
seen["root"] = cluster.root_logger
seen["set"] = cluster.set_logger_log_level("org.apache.kafka.connect", "DEBUG")
seen["loggers"] = sorted(cluster.loggers)
connector.delete()
seen["after"] = exists(connector)
print(json.dumps(seen))
