"""librdkafka (confluent-kafka), kafka-python and aiokafka against a listener: clients.py BOOTSTRAP [only CLIENT]

Prints `ok NAME` or `not ok NAME -- why` for each check. What SASL and TLS ask for comes from the environment: KAFKA_USER,
KAFKA_PASSWORD, KAFKA_MECHANISM, KAFKA_CA.
"""

import asyncio
import os
import sys
import threading
import time
import traceback

import aiokafka
import aiokafka.admin
import confluent_kafka as ck
import confluent_kafka.admin as cka
import kafka
import kafka.admin
import kafka.errors

bootstrap = sys.argv[1]
printing = threading.Lock()


def run(name, body):
    begun = time.monotonic()
    try:
        body()
        line = f"ok {name}"
    except BaseException as e:
        at = [f for f in traceback.extract_tb(e.__traceback__) if f.filename == __file__]
        line = f"not ok {name} -- {type(e).__name__}: {e} at {at[-1].lineno if at else '?'}".replace("\n", " ")
    with printing:
        print(line, flush=True)
    print(f"{name}: {int((time.monotonic() - begun) * 1000)} ms", file=sys.stderr)


def equal(got, wanted, what):
    if got != wanted:
        raise AssertionError(f"{what}: {got} and not {wanted}")


def until(what, holds, members=(), seconds=60):
    end = time.monotonic() + seconds
    while not holds():
        for member in members:
            if member.failure:
                raise member.failure
        if time.monotonic() > end:
            raise AssertionError(f"never: {what}")
        time.sleep(0.02)


# --- confluent-kafka ----------------------------------------------------------------------------------------------


def ck_config(**more):
    config = {"bootstrap.servers": bootstrap}
    if "KAFKA_MECHANISM" in os.environ:
        config |= {
            "security.protocol": "SASL_SSL" if "KAFKA_CA" in os.environ else "SASL_PLAINTEXT",
            "sasl.mechanism": os.environ["KAFKA_MECHANISM"],
            "sasl.username": os.environ["KAFKA_USER"],
            "sasl.password": os.environ["KAFKA_PASSWORD"],
        }
        if "KAFKA_CA" in os.environ:
            config["ssl.ca.location"] = os.environ["KAFKA_CA"]
    return config | {k.replace("_", "."): v for k, v in more.items()}


def ck_consumer(group, **more):
    return ck.Consumer(ck_config(group_id=group, auto_offset_reset="earliest", enable_auto_commit=False, **more))


def ck_read(consumer, count):
    out = []
    end = time.monotonic() + 20
    while len(out) < count and time.monotonic() < end:
        for m in consumer.consume(count, 0.2):
            if m.error():
                raise AssertionError(m.error())
            out.append(m)
    equal(len(out), count, "records")
    return out


def ck_create(topic, partitions):
    admin = cka.AdminClient(ck_config())  # as long as its answer is waited for
    admin.create_topics([cka.NewTopic(topic, partitions, 1)])[topic].result()


def ck_codecs():
    ck_create("ck-codecs", 3)
    n = 0
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:
        failed = []
        producer = ck.Producer(ck_config(compression_type=codec, linger_ms=10, enable_idempotence=codec != "gzip"))
        for i in range(300):
            producer.produce("ck-codecs", key=f"k{n}", value=None if i % 50 == 0 else codec + "x" * i, headers={"h": codec}, timestamp=1000 + n,
                             on_delivery=lambda e, m: failed.append(e) if e else None)
            n += 1
        equal(producer.flush(20), 0, "undelivered")
        equal(failed, [], "failed")
    consumer = ck_consumer("ck-codecs")
    consumer.assign([ck.TopicPartition("ck-codecs", p, 0) for p in range(3)])
    seen = ck_read(consumer, n)
    equal(len({m.key() for m in seen}), n, "keys")
    for m in seen:
        equal(m.timestamp()[1], 1000 + int(m.key()[1:]), "timestamp")
        codec = m.headers()[0][1]
        assert m.value() is None or m.value().startswith(codec), m.value()
    consumer.close()


def ck_rebalance(topic, strategy):
    ck_create(topic, 4)
    cooperative = strategy == "cooperative-sticky"

    def commit(consumer):
        try:
            consumer.commit(asynchronous=False)
        except ck.KafkaException as e:
            if e.args[0].code() != ck.KafkaError._NO_OFFSET:
                raise

    class Member:
        def __init__(self):
            self.assigned, self.revoked, self.seen, self.stopped = set(), set(), set(), False
            self.failure = None
            self.thread = threading.Thread(target=self.poll)
            self.thread.start()

        def poll(self):
            try:
                consumer = ck_consumer(topic, partition_assignment_strategy=strategy, session_timeout_ms=6000, heartbeat_interval_ms=200)

                def on_assign(c, partitions):
                    self.assigned |= {p.partition for p in partitions}
                    (c.incremental_assign if cooperative else c.assign)(partitions)

                def on_revoke(c, partitions):
                    self.assigned -= {p.partition for p in partitions}
                    self.revoked |= {p.partition for p in partitions}
                    commit(c)
                    (c.incremental_unassign(partitions) if cooperative else c.unassign())

                consumer.subscribe([topic], on_assign=on_assign, on_revoke=on_revoke)
                while not self.stopped:
                    m = consumer.poll(0.05)
                    if m and m.error() is None:
                        self.seen.add(m.value())
                commit(consumer)
                consumer.close()
            except BaseException as e:
                self.failure = e

        def stop(self):
            self.stopped = True
            self.thread.join()
            if self.failure:
                raise self.failure

    producer = ck.Producer(ck_config())

    def produce(a, b):
        for i in range(a, b):
            producer.produce(topic, value=f"v{i}", partition=i % 4)
        producer.flush()

    produce(0, 100)
    one = Member()
    until("all with one", lambda: len(one.assigned) == 4 and len(one.seen) == 100, [one])
    two = Member()
    until("two each", lambda: len(one.assigned) == 2 and len(two.assigned) == 2, [one, two])
    equal(len(one.revoked), 2 if cooperative else 4, "taken away")
    produce(100, 200)
    until("read by both", lambda: len(one.seen | two.seen) == 200, [one, two])
    one.stop()
    until("all with two", lambda: len(two.assigned) == 4, [two])
    produce(200, 300)
    until("read by two", lambda: len(one.seen | two.seen) == 300, [two])
    two.stop()
    committed = ck_consumer(topic).committed([ck.TopicPartition(topic, p) for p in range(4)])
    equal(sum(p.offset for p in committed), 300, "committed")


def ck_transactions():
    ck_create("ck-tx", 2)
    config = dict(transactional_id="ck-tx", transaction_timeout_ms=60000)
    producer = ck.Producer(ck_config(**config))
    producer.init_transactions()
    group = ck_consumer("ck-tx-group")
    for t in range(6):
        producer.begin_transaction()
        for i in range(10):
            producer.produce("ck-tx", value=f"t{t}", partition=i % 2)
        producer.send_offsets_to_transaction([ck.TopicPartition("ck-tx", 0, 100 + t)], group.consumer_group_metadata())
        if t % 2 == 0:
            producer.commit_transaction()
        else:
            producer.abort_transaction()
    equal(group.committed([ck.TopicPartition("ck-tx", 0)])[0].offset, 104, "offset of the last commit")
    consumer = ck_consumer("ck-tx-read", isolation_level="read_committed")
    consumer.assign([ck.TopicPartition("ck-tx", p, 0) for p in range(2)])
    equal({m.value() for m in ck_read(consumer, 30)}, {b"t0", b"t2", b"t4"}, "committed")
    equal(consumer.consume(1, 0.3), [], "more")
    producer.begin_transaction()
    producer.produce("ck-tx", value="zombie", partition=0)
    producer.flush()
    newer = ck.Producer(ck_config(**config))
    newer.init_transactions()
    try:
        producer.commit_transaction()
        raise AssertionError("a fenced producer has committed")
    except ck.KafkaException as e:
        assert e.args[0].fatal() or e.args[0].code() in (ck.KafkaError._FENCED, ck.KafkaError.INVALID_PRODUCER_EPOCH), e
    for c in (group, consumer):
        c.close()


def ck_admin():
    admin = cka.AdminClient(ck_config())
    admin.create_topics([cka.NewTopic("ck-admin", 2, 1, config={"retention.ms": "9999"})])["ck-admin"].result()
    try:
        admin.create_topics([cka.NewTopic("ck-admin", 2, 1)])["ck-admin"].result()
        raise AssertionError("created twice")
    except ck.KafkaException as e:
        equal(e.args[0].code(), ck.KafkaError.TOPIC_ALREADY_EXISTS, "created twice")
    equal(len(admin.list_topics("ck-admin").topics["ck-admin"].partitions), 2, "partitions")
    admin.create_partitions([cka.NewPartitions("ck-admin", 4)])["ck-admin"].result()
    described = admin.describe_topics(ck.TopicCollection(["ck-admin"]))["ck-admin"].result()
    equal(len(described.partitions), 4, "partitions after the increase")
    resource = cka.ConfigResource(cka.ConfigResource.Type.TOPIC, "ck-admin")
    equal(admin.describe_configs([resource])[resource].result()["retention.ms"].value, "9999", "retention")
    change = cka.ConfigResource(cka.ConfigResource.Type.TOPIC, "ck-admin", incremental_configs=[
        cka.ConfigEntry("cleanup.policy", "compact", incremental_operation=cka.AlterConfigOpType.SET)])
    admin.incremental_alter_configs([change])[change].result()
    equal(admin.describe_configs([resource])[resource].result()["cleanup.policy"].value, "compact", "policy")
    assert admin.describe_cluster().result().cluster_id
    producer = ck.Producer(ck_config())
    for i in range(10):
        producer.produce("ck-admin", key="k", value="v", partition=0)
    producer.flush()
    tp = ck.TopicPartition("ck-admin", 0)
    equal(admin.list_offsets({tp: cka.OffsetSpec.latest()})[tp].result().offset, 10, "latest")
    equal(admin.delete_records([ck.TopicPartition("ck-admin", 0, 4)])[ck.TopicPartition("ck-admin", 0, 4)].result().low_watermark, 4, "low watermark")
    equal(admin.list_offsets({tp: cka.OffsetSpec.earliest()})[tp].result().offset, 4, "earliest")
    admin.alter_consumer_group_offsets([ck.ConsumerGroupTopicPartitions("ck-g", [ck.TopicPartition("ck-admin", 0, 7)])])["ck-g"].result()
    found = admin.list_consumer_group_offsets([ck.ConsumerGroupTopicPartitions("ck-g")])["ck-g"].result()
    equal(found.topic_partitions[0].offset, 7, "offset of the group")
    assert "ck-g" in {g.group_id for g in admin.list_consumer_groups().result().valid}
    equal(admin.describe_consumer_groups(["ck-g"])["ck-g"].result().state, ck.ConsumerGroupState.EMPTY, "state")
    admin.delete_consumer_groups(["ck-g"])["ck-g"].result()
    admin.delete_topics(["ck-admin"])["ck-admin"].result()


# --- kafka-python --------------------------------------------------------------------------------------------------


def kp_config(**more):
    config = {"bootstrap_servers": bootstrap}
    if "KAFKA_MECHANISM" in os.environ:
        config |= {
            "security_protocol": "SASL_SSL" if "KAFKA_CA" in os.environ else "SASL_PLAINTEXT",
            "sasl_mechanism": os.environ["KAFKA_MECHANISM"],
            "sasl_plain_username": os.environ["KAFKA_USER"],
            "sasl_plain_password": os.environ["KAFKA_PASSWORD"],
        }
        if "KAFKA_CA" in os.environ:
            config["ssl_cafile"] = os.environ["KAFKA_CA"]
    return config | more


def kp_read(consumer, count):
    out = []
    end = time.monotonic() + 20
    while len(out) < count and time.monotonic() < end:
        for records in consumer.poll(200).values():
            out += records
    equal(len(out), count, "records")
    return out


def kp_codecs():
    admin = kafka.KafkaAdminClient(**kp_config())
    admin.create_topics([kafka.admin.NewTopic("kp-codecs", 2, 1)])
    n = 0
    for codec in [None, "gzip", "snappy", "lz4", "zstd"]:
        producer = kafka.KafkaProducer(**kp_config(compression_type=codec, linger_ms=10))
        futures = []
        for i in range(200):
            futures.append(producer.send("kp-codecs", key=b"k%d" % n, value=b"x" * i, headers=[("h", str(codec).encode())], timestamp_ms=1000 + n))
            n += 1
        producer.flush(20)
        for f in futures:
            f.get(10)
        producer.close()
    consumer = kafka.KafkaConsumer(**kp_config(group_id=None, auto_offset_reset="earliest"))
    consumer.assign([kafka.TopicPartition("kp-codecs", p) for p in range(2)])
    seen = kp_read(consumer, n)
    equal(len({m.key for m in seen}), n, "keys")
    for m in seen:
        equal(m.timestamp, 1000 + int(m.key[1:]), "timestamp")
    consumer.close()
    admin.close()


def kp_rebalance():
    admin = kafka.KafkaAdminClient(**kp_config())
    admin.create_topics([kafka.admin.NewTopic("kp-rebalance", 4, 1)])
    producer = kafka.KafkaProducer(**kp_config())
    for i in range(100):
        producer.send("kp-rebalance", value=b"v%d" % i, partition=i % 4)
    producer.flush(20)

    class Member:
        def __init__(self):
            self.seen, self.partitions, self.stopped, self.failure = set(), 0, False, None
            self.thread = threading.Thread(target=self.poll)
            self.thread.start()

        def poll(self):
            try:
                consumer = kafka.KafkaConsumer("kp-rebalance", **kp_config(group_id="kp-rebalance", auto_offset_reset="earliest", enable_auto_commit=False,
                                               session_timeout_ms=6000, heartbeat_interval_ms=200))
                while not self.stopped:
                    # of a poll that ends while it joins, this client drops the assignment that comes afterwards
                    for records in consumer.poll(2000).values():
                        self.seen |= {r.value for r in records}
                    self.partitions = len(consumer.assignment())
                    if self.seen:
                        try:
                            consumer.commit()
                        except kafka.errors.CommitFailedError:
                            pass  # a rebalance has come first
                consumer.close()
            except BaseException as e:
                self.failure = e

        def stop(self):
            self.stopped = True
            self.thread.join()
            if self.failure:
                raise self.failure

    one = Member()
    until("all with one", lambda: one.partitions == 4 and len(one.seen) == 100, [one])
    two = Member()
    until("two each", lambda: one.partitions == 2 and two.partitions == 2, [one, two])
    one.stop()
    until("all with two", lambda: two.partitions == 4, [two])
    two.stop()
    offsets = admin.list_group_offsets("kp-rebalance") if hasattr(admin, "list_group_offsets") else admin.list_consumer_group_offsets("kp-rebalance")
    offsets = offsets.get("kp-rebalance", offsets)
    equal(sum(o.offset for o in offsets.values()), 100, "committed")
    producer.close()
    admin.close()


def kp_transactions():
    admin = kafka.KafkaAdminClient(**kp_config())
    admin.create_topics([kafka.admin.NewTopic("kp-tx", 1, 1)])
    producer = kafka.KafkaProducer(**kp_config(transactional_id="kp-tx"))
    producer.init_transactions()
    for t in range(4):
        producer.begin_transaction()
        for i in range(10):
            producer.send("kp-tx", value=b"t%d" % t)
        producer.send_offsets_to_transaction({kafka.TopicPartition("kp-tx", 0): kafka.OffsetAndMetadata(100 + t, "", -1)}, "kp-tx-group")
        if t % 2 == 0:
            producer.commit_transaction()
        else:
            producer.abort_transaction()
    consumer = kafka.KafkaConsumer(**kp_config(group_id="kp-tx-group", isolation_level="read_committed", auto_offset_reset="earliest"))
    equal(consumer.committed(kafka.TopicPartition("kp-tx", 0)), 102, "offset of the last commit")
    consumer.assign([kafka.TopicPartition("kp-tx", 0)])
    consumer.seek_to_beginning()
    equal({m.value for m in kp_read(consumer, 20)}, {b"t0", b"t2"}, "committed")
    for c in (producer, consumer, admin):
        c.close()


def kp_admin():
    admin = kafka.KafkaAdminClient(**kp_config())
    admin.create_topics([kafka.admin.NewTopic("kp-admin", 2, 1)])
    try:
        admin.create_topics([kafka.admin.NewTopic("kp-admin", 2, 1)])
        raise AssertionError("created twice")
    except kafka.errors.TopicAlreadyExistsError:
        pass
    assert "kp-admin" in admin.list_topics()
    admin.create_partitions({"kp-admin": kafka.admin.NewPartitions(3)})
    equal(len(admin.describe_topics(["kp-admin"])[0]["partitions"]), 3, "partitions")
    assert admin.describe_cluster()["cluster_id"]
    resource = kafka.admin.ConfigResource(kafka.admin.ConfigResourceType.TOPIC, "kp-admin", {"retention.ms": "777"})
    admin.alter_configs([resource])
    admin.describe_configs([kafka.admin.ConfigResource(kafka.admin.ConfigResourceType.TOPIC, "kp-admin")])
    admin.delete_topics(["kp-admin"])
    admin.close()


# --- aiokafka -----------------------------------------------------------------------------------------------------


def ak_config(**more):
    import ssl

    config = kp_config()
    if "ssl_cafile" in config:
        config["ssl_context"] = ssl.create_default_context(cafile=config.pop("ssl_cafile"))
    return config | more


async def ak_all_codecs():
    n = 0
    for codec in [None, "gzip", "snappy", "lz4", "zstd"]:
        producer = aiokafka.AIOKafkaProducer(**ak_config(compression_type=codec, enable_idempotence=True))
        await producer.start()
        for i in range(100):
            await producer.send("ak-codecs", key=b"k%d" % n, value=b"x" * i)
            n += 1
        await producer.stop()
    consumer = aiokafka.AIOKafkaConsumer("ak-codecs", **ak_config(group_id="ak-codecs", auto_offset_reset="earliest"))
    await consumer.start()
    keys = set()
    async with asyncio.timeout(20):
        while len(keys) < n:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                keys |= {r.key for r in records}
    await consumer.commit()
    await consumer.stop()


async def ak_all_transactions():
    producer = aiokafka.AIOKafkaProducer(**ak_config(transactional_id="ak-tx"))
    await producer.start()
    for t in range(4):
        await producer.begin_transaction()
        for i in range(10):
            await producer.send("ak-tx", value=b"t%d" % t)
        await producer.send_offsets_to_transaction({aiokafka.TopicPartition("ak-tx", 0): 100 + t}, "ak-tx-group")
        if t % 2 == 0:
            await producer.commit_transaction()
        else:
            await producer.abort_transaction()
    await producer.stop()
    consumer = aiokafka.AIOKafkaConsumer("ak-tx", **ak_config(isolation_level="read_committed", auto_offset_reset="earliest"))
    await consumer.start()
    values = []
    async with asyncio.timeout(20):
        while len(values) < 20:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                values += [r.value for r in records]
    equal(set(values), {b"t0", b"t2"}, "committed")
    await consumer.stop()


async def ak_all_admin():
    admin = aiokafka.admin.AIOKafkaAdminClient(**ak_config())
    await admin.start()
    await admin.create_topics([aiokafka.admin.NewTopic("ak-admin", 2, 1)])
    assert "ak-admin" in await admin.list_topics()
    await admin.describe_topics(["ak-admin"])
    await admin.create_partitions({"ak-admin": aiokafka.admin.NewPartitions(3)})
    await admin.delete_topics(["ak-admin"])
    await admin.close()


checks = {
    "confluent-kafka": [
        ("every codec", ck_codecs),
        ("eager rebalance", lambda: ck_rebalance("ck-eager", "range")),
        ("cooperative rebalance", lambda: ck_rebalance("ck-cooperative", "cooperative-sticky")),
        ("transactions", ck_transactions),
        ("admin", ck_admin),
    ],
    "kafka-python": [
        ("every codec", kp_codecs),
        ("rebalance", kp_rebalance),
        ("transactions", kp_transactions),
        ("admin", kp_admin),
    ],
    "aiokafka": [
        ("every codec, in a group", lambda: asyncio.run(ak_all_codecs())),
        ("transactions", lambda: asyncio.run(ak_all_transactions())),
        ("admin", lambda: asyncio.run(ak_all_admin())),
    ],
}


def all_of(client):
    for name, body in checks[client]:
        run(f"{client}: {name}", body)


if "KAFKA_MECHANISM" in os.environ:
    for client in checks:
        run(f"{client}: {os.environ['KAFKA_MECHANISM']}", checks[client][-1][1])
else:
    threads = [threading.Thread(target=all_of, args=(client,)) for client in checks]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
os._exit(0)
