import static java.util.stream.Collectors.toList;
import static java.util.stream.Collectors.toSet;

import java.time.Duration;
import java.util.*;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.acl.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.quota.*;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.*;

/** Apache's Java client against a listener: `Clients BOOTSTRAP DATA_FOLDER [NAME PROPERTIES_FILE ...]`. */
public final class Clients {
    static String bootstrap;
    static final Properties security = new Properties();

    static Properties properties(Object... pairs) {
        Properties p = new Properties();
        p.putAll(security);
        p.put("bootstrap.servers", bootstrap);
        for (int i = 0; i < pairs.length; i += 2) p.put(pairs[i], pairs[i + 1]);
        return p;
    }

    static Admin admin() { return Admin.create(properties()); }

    static KafkaProducer<String, String> producer(Object... pairs) {
        return new KafkaProducer<>(properties(pairs), new StringSerializer(), new StringSerializer());
    }

    static KafkaConsumer<String, String> consumer(Object... pairs) {
        Properties p = properties("auto.offset.reset", "earliest", "enable.auto.commit", "false");
        for (int i = 0; i < pairs.length; i += 2) p.put(pairs[i], pairs[i + 1]);
        return new KafkaConsumer<>(p, new StringDeserializer(), new StringDeserializer());
    }

    static void create(String topic, int partitions) throws Exception {
        try (Admin admin = admin()) {
            admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1))).all().get();
        }
    }

    static List<TopicPartition> partitions(String topic, int count) {
        return IntStream.range(0, count).mapToObj(p -> new TopicPartition(topic, p)).collect(toList());
    }

    static List<ConsumerRecord<String, String>> read(Consumer<String, String> consumer, int count) {
        List<ConsumerRecord<String, String>> out = new ArrayList<>();
        long end = System.currentTimeMillis() + 20_000;
        while (out.size() < count && System.currentTimeMillis() < end) consumer.poll(Duration.ofMillis(100)).forEach(out::add);
        Checks.equal(out.size(), count, "records read");
        return out;
    }

    static void codecs() throws Exception {
        create("codecs", 3);
        int n = 0;
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd"))
            for (String acks : codec.equals("gzip") ? List.of("all", "1", "0") : List.of("all"))
                try (KafkaProducer<String, String> producer = producer("compression.type", codec, "acks", acks, "linger.ms", "20",
                    "enable.idempotence", String.valueOf(acks.equals("all")))) {
                    for (int i = 0; i < 500; i++, n++)
                        producer.send(new ProducerRecord<>("codecs", i % 3, 1_000_000L + n, "k" + n, i % 7 == 0 ? null : codec + acks + "x".repeat(i),
                            List.of(new RecordHeader("h", codec.getBytes()))));
                }
        try (KafkaConsumer<String, String> consumer = consumer()) {
            consumer.assign(partitions("codecs", 3));
            Set<String> keys = new HashSet<>();
            for (ConsumerRecord<String, String> r : read(consumer, n)) {
                keys.add(r.key());
                Checks.equal(r.timestamp(), 1_000_000L + Integer.parseInt(r.key().substring(1)), "timestamp of " + r.key());
                String codec = new String(r.headers().lastHeader("h").value());
                Checks.that(r.value() == null || r.value().startsWith(codec), "value of " + r.key() + ": " + r.value());
            }
            Checks.equal(keys.size(), n, "keys");
        }
    }

    static void large() throws Exception {
        create("large", 1);
        String value = "0123456789".repeat(90_000);
        try (KafkaProducer<String, String> producer = producer()) {
            for (int i = 0; i < 5; i++) producer.send(new ProducerRecord<>("large", "k" + i, value)).get();
            Checks.fails(RecordTooLargeException.class, () -> producer.send(new ProducerRecord<>("large", "k", value + value)).get()).run();
        }
        // limits smaller than a batch: the batch comes all the same
        try (KafkaConsumer<String, String> consumer = consumer("max.partition.fetch.bytes", "1000", "fetch.max.bytes", "1000")) {
            consumer.assign(partitions("large", 1));
            for (ConsumerRecord<String, String> r : read(consumer, 5)) Checks.equal(r.value(), value, r.key());
        }
    }

    static void refusedBatch() throws Exception {
        try (Admin admin = admin(); KafkaProducer<String, String> producer = producer("max.request.size", "5000000")) {
            admin.createTopics(List.of(new NewTopic("small", 1, (short) 1).configs(Map.of("max.message.bytes", "2000")))).all().get();
            Checks.fails(RecordTooLargeException.class, () -> producer.send(new ProducerRecord<>("small", "k", "x".repeat(5000))).get()).run();
            Checks.fails(InvalidTopicException.class, () -> producer.send(new ProducerRecord<>("no topic", "k", "v")).get()).run();
            Checks.equal(producer.send(new ProducerRecord<>("made-by-produce", "k", "v")).get().offset(), 0L, "offset");
        }
    }

    static void positions() throws Exception {
        create("positions", 2);
        TopicPartition zero = new TopicPartition("positions", 0), one = new TopicPartition("positions", 1);
        try (KafkaProducer<String, String> producer = producer()) {
            for (int i = 0; i < 100; i++) producer.send(new ProducerRecord<>("positions", 0, 1000L + i, "k" + i, "v" + i)).get();
        }
        try (KafkaConsumer<String, String> consumer = consumer("group.id", "positions", "max.poll.records", "10")) {
            Checks.equal(consumer.partitionsFor("positions").size(), 2, "partitions");
            Checks.that(consumer.listTopics().containsKey("positions"), "listTopics");
            consumer.assign(List.of(zero, one));
            Checks.equal(consumer.beginningOffsets(List.of(zero, one)), Map.of(zero, 0L, one, 0L), "beginning");
            Checks.equal(consumer.endOffsets(List.of(zero, one)), Map.of(zero, 100L, one, 0L), "end");
            Map<TopicPartition, OffsetAndTimestamp> times = consumer.offsetsForTimes(Map.of(zero, 1050L, one, 1050L));
            Checks.equal(times.get(zero).offset(), 50L, "offset for a time");
            Checks.equal(times.get(one), null, "offset for a time that is not there");
            consumer.seek(zero, 90);
            Checks.equal(read(consumer, 10).get(0).key(), "k90", "after a seek");
            consumer.seekToEnd(List.of(zero));
            Checks.equal(consumer.position(zero), 100L, "position at the end");
            consumer.seekToBeginning(List.of(zero));
            Checks.equal(read(consumer, 10).get(0).key(), "k0", "from the beginning");
            consumer.pause(List.of(zero));
            Checks.equal(consumer.poll(Duration.ofMillis(300)).count(), 0, "records of a paused partition");
            consumer.resume(List.of(zero));
            Checks.equal(read(consumer, 10).get(0).key(), "k10", "resumed");
            consumer.commitSync(Map.of(zero, new OffsetAndMetadata(42, Optional.of(0), "meta")));
            Checks.equal(consumer.committed(Set.of(zero)).get(zero), new OffsetAndMetadata(42, Optional.of(0), "meta"), "committed");
            Checks.equal(consumer.committed(Set.of(one)).get(one), null, "committed nothing");
            consumer.seek(zero, 1000);
            Checks.equal(read(consumer, 100).get(0).key(), "k0", "reset from an offset out of range");
        }
    }

    /** A member that polls in a thread of its own until it is told to stop. */
    static final class Member implements AutoCloseable {
        final Set<TopicPartition> assigned = ConcurrentHashMap.newKeySet();
        final Set<TopicPartition> everRevoked = ConcurrentHashMap.newKeySet();
        final Set<String> seen = ConcurrentHashMap.newKeySet();
        final AtomicBoolean stop = new AtomicBoolean();
        volatile Throwable failure;
        private final Thread thread;

        Member(String topic, Object... config) {
            KafkaConsumer<String, String> consumer = consumer(config);
            thread = new Thread(() -> {
                try (consumer) {
                    consumer.subscribe(List.of(topic), new ConsumerRebalanceListener() {
                        @Override public void onPartitionsRevoked(Collection<TopicPartition> gone) {
                            assigned.removeAll(gone);
                            everRevoked.addAll(gone);
                            consumer.commitSync();
                        }
                        @Override public void onPartitionsAssigned(Collection<TopicPartition> more) { assigned.addAll(more); }
                    });
                    while (!stop.get()) for (ConsumerRecord<String, String> r : consumer.poll(Duration.ofMillis(50))) seen.add(r.value());
                    consumer.commitSync();
                } catch (Throwable e) {
                    failure = e;
                }
            });
            thread.start();
        }

        @Override public void close() throws Exception {
            stop.set(true);
            thread.join();
            if (failure != null) throw new AssertionError("a member failed: " + failure, failure);
        }
    }

    static void rebalance(String topic, Class<?> assignor, boolean cooperative) throws Exception {
        create(topic, 4);
        Object[] config = {"group.id", topic, "partition.assignment.strategy", assignor.getName(), "heartbeat.interval.ms", "200", "session.timeout.ms", "6000"};
        try (KafkaProducer<String, String> producer = producer(); Admin admin = admin()) {
            for (int i = 0; i < 100; i++) producer.send(new ProducerRecord<>(topic, i % 4, "k", "v" + i));
            Member one = new Member(topic, config);
            Checks.until("all with one", () -> one.assigned.size() == 4 && one.seen.size() == 100);
            Member two = new Member(topic, config);
            Checks.until("two each", () -> one.assigned.size() == 2 && two.assigned.size() == 2);
            Checks.equal(one.everRevoked.size(), cooperative ? 2 : 4, "partitions that were taken away");
            ConsumerGroupDescription group = admin.describeConsumerGroups(List.of(topic)).all().get().get(topic);
            Checks.equal(group.members().size(), 2, "members");
            Checks.equal(group.partitionAssignor(), cooperative ? "cooperative-sticky" : "range", "assignor");
            Checks.that(group.members().stream().allMatch(m -> m.host().equals("/127.0.0.1") && m.assignment().topicPartitions().size() == 2), "members: " + group);
            for (int i = 100; i < 200; i++) producer.send(new ProducerRecord<>(topic, i % 4, "k", "v" + i));
            Checks.until("read by both", () -> one.seen.size() + two.seen.size() == 200);
            one.close();
            Checks.until("all with the other", () -> two.assigned.size() == 4);
            for (int i = 200; i < 300; i++) producer.send(new ProducerRecord<>(topic, i % 4, "k", "v" + i));
            Checks.until("read by the other", () -> two.seen.size() >= 150);
            two.close();
            Set<String> all = new HashSet<>(one.seen);
            all.addAll(two.seen);
            Checks.equal(all.size(), 300, "values seen");
            Checks.equal(admin.listConsumerGroupOffsets(topic).partitionsToOffsetAndMetadata().get().values().stream().mapToLong(OffsetAndMetadata::offset).sum(), 300L, "committed");
        }
    }

    static void staticMember() throws Exception {
        create("static", 2);
        Object[] config = {"group.id", "static", "group.instance.id", "i1", "session.timeout.ms", "10000"};
        try (Admin admin = admin()) {
            Member one = new Member("static", config);
            Checks.until("assigned", () -> one.assigned.size() == 2);
            one.close();
            // it went without leaving: its partitions wait for it
            ConsumerGroupDescription group = admin.describeConsumerGroups(List.of("static")).all().get().get("static");
            Checks.equal(group.members().iterator().next().groupInstanceId(), Optional.of("i1"), "instance");
            Member again = new Member("static", config);
            Checks.until("assigned again", () -> again.assigned.size() == 2);
            again.close();
            admin.removeMembersFromConsumerGroup("static", new RemoveMembersFromConsumerGroupOptions(List.of(new MemberToRemove("i1")))).all().get();
            Checks.equal(admin.describeConsumerGroups(List.of("static")).all().get().get("static").members().size(), 0, "members after removal");
        }
    }

    static void transactions() throws Exception {
        create("tx", 2);
        TopicPartition zero = new TopicPartition("tx", 0);
        Object[] config = {"transactional.id", "tx", "transaction.timeout.ms", "60000"};
        try (Admin admin = admin()) {
            KafkaProducer<String, String> producer = producer(config);
            producer.initTransactions();
            for (int t = 0; t < 6; t++) {
                producer.beginTransaction();
                for (int i = 0; i < 10; i++) producer.send(new ProducerRecord<>("tx", i % 2, "t" + t, "v" + i));
                producer.sendOffsetsToTransaction(Map.of(zero, new OffsetAndMetadata(100 + t)), new ConsumerGroupMetadata("tx-group"));
                if (t % 2 == 0) producer.commitTransaction();
                else producer.abortTransaction();
            }
            Checks.equal(admin.listConsumerGroupOffsets("tx-group").partitionsToOffsetAndMetadata().get().get(zero).offset(), 104L, "offset of the last commit");
            try (KafkaConsumer<String, String> consumer = consumer("isolation.level", "read_committed")) {
                consumer.assign(partitions("tx", 2));
                Checks.equal(read(consumer, 30).stream().map(r -> r.key()).collect(toSet()), Set.of("t0", "t2", "t4"), "committed");
            }
            producer.beginTransaction();
            producer.send(new ProducerRecord<>("tx", 0, "open", "v")).get();
            TransactionListing listing = admin.listTransactions().all().get().stream().filter(t -> t.transactionalId().equals("tx")).findFirst().orElseThrow();
            Checks.equal(listing.state(), TransactionState.ONGOING, "state");
            TransactionDescription described = admin.describeTransactions(List.of("tx")).description("tx").get();
            Checks.equal(described.topicPartitions(), Set.of(zero), "partitions of the transaction");
            Checks.equal(described.transactionTimeoutMs(), 60000L, "timeout");
            List<ProducerState> producers = admin.describeProducers(List.of(zero)).partitionResult(zero).get().activeProducers();
            Checks.equal(producers.stream().filter(p -> p.producerId() == listing.producerId()).findFirst().orElseThrow().currentTransactionStartOffset().isPresent(), true, "the open transaction's start");
            try (KafkaConsumer<String, String> consumer = consumer("isolation.level", "read_committed")) {
                long stable = consumer.endOffsets(List.of(zero)).get(zero);
                consumer.assign(List.of(zero));
                consumer.seek(zero, stable);
                Checks.equal(consumer.poll(Duration.ofMillis(300)).count(), 0, "records of an open transaction");
            }
            try (KafkaProducer<String, String> newer = producer(config)) {
                newer.initTransactions();
                Checks.fails(ProducerFencedException.class, () -> { producer.commitTransaction(); return null; }).run();
                newer.beginTransaction();
                newer.send(new ProducerRecord<>("tx", 0, "newer", "v"));
                newer.commitTransaction();
                admin.fenceProducers(List.of("tx")).all().get();
                newer.beginTransaction();
                newer.send(new ProducerRecord<>("tx", 0, "fenced", "v"));
                Checks.fails(ProducerFencedException.class, () -> { newer.commitTransaction(); return null; }).run();
            }
            producer.close(Duration.ZERO);
            Checks.fails(TransactionalIdNotFoundException.class, () -> admin.describeTransactions(List.of("nobody")).description("nobody").get()).run();
        }
    }

    /** consume, transform, produce: what exactly once is made of, with a zombie of the group that must not commit. */
    static void consumeTransformProduce() throws Exception {
        create("ctp-in", 1);
        create("ctp-out", 1);
        try (KafkaProducer<String, String> p = producer()) {
            for (int i = 0; i < 200; i++) p.send(new ProducerRecord<>("ctp-in", "k" + i, "" + i));
        }
        try (KafkaConsumer<String, String> in = consumer("group.id", "ctp", "max.poll.records", "50"); KafkaProducer<String, String> out = producer("transactional.id", "ctp")) {
            out.initTransactions();
            in.subscribe(List.of("ctp-in"));
            int done = 0;
            while (done < 200) {
                ConsumerRecords<String, String> records = in.poll(Duration.ofMillis(100));
                if (records.isEmpty()) continue;
                out.beginTransaction();
                for (ConsumerRecord<String, String> r : records) out.send(new ProducerRecord<>("ctp-out", r.key(), r.value() + "!"));
                done += records.count();
                out.sendOffsetsToTransaction(Map.of(new TopicPartition("ctp-in", 0), new OffsetAndMetadata(done)), in.groupMetadata());
                out.commitTransaction();
            }
            out.beginTransaction();
            ConsumerGroupMetadata zombie = new ConsumerGroupMetadata("ctp", 1, "nobody", Optional.empty());
            Checks.fails(CommitFailedException.class, () -> {
                out.sendOffsetsToTransaction(Map.of(new TopicPartition("ctp-in", 0), new OffsetAndMetadata(1)), zombie);
                out.commitTransaction();
                return null;
            }).run();
            out.abortTransaction();
        }
        try (KafkaConsumer<String, String> consumer = consumer("isolation.level", "read_committed")) {
            consumer.assign(partitions("ctp-out", 1));
            Checks.equal(read(consumer, 200).stream().map(r -> r.value()).distinct().count(), 200L, "values");
        }
    }

    static void topics() throws Exception {
        try (Admin admin = admin()) {
            CreateTopicsResult made = admin.createTopics(List.of(new NewTopic("t1", 3, (short) 1).configs(Map.of("retention.ms", "12345")), new NewTopic("t2", Optional.empty(), Optional.empty())));
            made.all().get();
            Checks.equal(made.numPartitions("t1").get(), 3, "partitions");
            Checks.equal(made.config("t1").get().get("retention.ms").value(), "12345", "retention");
            Checks.fails(TopicExistsException.class, () -> admin.createTopics(List.of(new NewTopic("t1", 1, (short) 1))).all().get()).run();
            Checks.fails(InvalidConfigurationException.class, () -> admin.createTopics(List.of(new NewTopic("t3", 1, (short) 1).configs(Map.of("no.such", "1")))).all().get()).run();
            Checks.fails(InvalidPartitionsException.class, () -> admin.createTopics(List.of(new NewTopic("t3", 0, (short) 1))).all().get()).run();
            admin.createTopics(List.of(new NewTopic("t4", 1, (short) 1)), new CreateTopicsOptions().validateOnly(true)).all().get();
            Set<String> names = admin.listTopics().names().get();
            Checks.that(names.containsAll(Set.of("t1", "t2")) && !names.contains("t4"), "topics: " + names);
            TopicDescription t1 = admin.describeTopics(List.of("t1")).allTopicNames().get().get("t1");
            Checks.equal(t1.partitions().size(), 3, "partitions");
            Checks.equal(admin.describeTopics(TopicCollection.ofTopicIds(List.of(t1.topicId()))).allTopicIds().get().get(t1.topicId()).name(), "t1", "name by id");
            Checks.fails(UnknownTopicOrPartitionException.class, () -> admin.describeTopics(List.of("nothing")).allTopicNames().get()).run();
            admin.createPartitions(Map.of("t1", NewPartitions.increaseTo(5))).all().get();
            Checks.equal(admin.describeTopics(List.of("t1")).allTopicNames().get().get("t1").partitions().size(), 5, "partitions after the increase");
            Checks.fails(InvalidPartitionsException.class, () -> admin.createPartitions(Map.of("t1", NewPartitions.increaseTo(2))).all().get()).run();
            try (KafkaProducer<String, String> p = producer()) {
                for (int i = 0; i < 10; i++) p.send(new ProducerRecord<>("t1", 0, 1000L + i, "k", "v")).get();
            }
            TopicPartition zero = new TopicPartition("t1", 0);
            Checks.equal(admin.deleteRecords(Map.of(zero, RecordsToDelete.beforeOffset(4))).lowWatermarks().get(zero).get().lowWatermark(), 4L, "low watermark");
            Checks.equal(admin.listOffsets(Map.of(zero, OffsetSpec.earliest())).partitionResult(zero).get().offset(), 4L, "earliest");
            Checks.equal(admin.listOffsets(Map.of(zero, OffsetSpec.latest())).partitionResult(zero).get().offset(), 10L, "latest");
            Checks.equal(admin.listOffsets(Map.of(zero, OffsetSpec.maxTimestamp())).partitionResult(zero).get().offset(), 9L, "max timestamp");
            Checks.equal(admin.listOffsets(Map.of(zero, OffsetSpec.forTimestamp(1006))).partitionResult(zero).get().offset(), 6L, "for a time");
            Checks.fails(org.apache.kafka.common.errors.OffsetOutOfRangeException.class, () -> admin.deleteRecords(Map.of(zero, RecordsToDelete.beforeOffset(40))).all().get()).run();
            admin.deleteTopics(List.of("t1")).all().get();
            admin.deleteTopics(TopicCollection.ofTopicIds(List.of(admin.describeTopics(List.of("t2")).allTopicNames().get().get("t2").topicId()))).all().get();
            Checks.fails(UnknownTopicOrPartitionException.class, () -> admin.deleteTopics(List.of("t1")).all().get()).run();
        }
    }

    static void configs() throws Exception {
        create("configured", 1);
        ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, "configured");
        ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, "1");
        try (Admin admin = admin()) {
            Config before = admin.describeConfigs(List.of(topic)).all().get().get(topic);
            Checks.equal(before.get("cleanup.policy").value(), "delete", "policy");
            Checks.equal(before.get("cleanup.policy").isDefault(), true, "default");
            admin.incrementalAlterConfigs(Map.of(topic, List.of(
                new AlterConfigOp(new ConfigEntry("cleanup.policy", "compact"), AlterConfigOp.OpType.SET),
                new AlterConfigOp(new ConfigEntry("retention.ms", "777"), AlterConfigOp.OpType.SET)))).all().get();
            admin.incrementalAlterConfigs(Map.of(topic, List.of(
                new AlterConfigOp(new ConfigEntry("cleanup.policy", "delete"), AlterConfigOp.OpType.APPEND),
                new AlterConfigOp(new ConfigEntry("retention.ms", ""), AlterConfigOp.OpType.DELETE)))).all().get();
            Config after = admin.describeConfigs(List.of(topic), new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true)).all().get().get(topic);
            Checks.equal(after.get("cleanup.policy").value(), "compact,delete", "policy");
            Checks.equal(after.get("cleanup.policy").source(), ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, "source");
            Checks.equal(after.get("retention.ms").value(), before.get("retention.ms").value(), "retention");
            Checks.fails(InvalidConfigurationException.class, () -> admin.incrementalAlterConfigs(Map.of(topic, List.of(
                new AlterConfigOp(new ConfigEntry("retention.ms", "soon"), AlterConfigOp.OpType.SET)))).all().get()).run();
            Checks.that(admin.describeConfigs(List.of(broker)).all().get().get(broker).get("advertised.listeners") != null, "settings of the broker");
            Checks.fails(UnknownTopicOrPartitionException.class, () -> {
                ConfigResource none = new ConfigResource(ConfigResource.Type.TOPIC, "nothing");
                return admin.describeConfigs(List.of(none)).all().get();
            }).run();
        }
    }

    static void cluster() throws Exception {
        create("cluster", 2);
        TopicPartition zero = new TopicPartition("cluster", 0);
        try (Admin admin = admin(); KafkaProducer<String, String> producer = producer()) {
            producer.send(new ProducerRecord<>("cluster", 0, "k", "x".repeat(1000))).get();
            DescribeClusterResult cluster = admin.describeCluster();
            Node node = cluster.nodes().get().iterator().next();
            Checks.equal(cluster.controller().get().id(), node.id(), "controller");
            Checks.that(cluster.clusterId().get() != null, "cluster id");
            LogDirDescription dir = admin.describeLogDirs(List.of(node.id())).allDescriptions().get().get(node.id()).values().iterator().next();
            Checks.that(dir.replicaInfos().get(zero).size() > 1000, "size of a partition: " + dir);
            admin.describeFeatures().featureMetadata().get();
            Checks.equal(admin.electLeaders(ElectionType.PREFERRED, Set.of(zero)).partitions().get().get(zero).get().getClass(), ElectionNotNeededException.class, "election");
            Checks.equal(admin.listPartitionReassignments().reassignments().get(), Map.of(), "reassignments");
            Checks.equal(admin.describeClientQuotas(ClientQuotaFilter.all()).entities().get(), Map.of(), "quotas");
            // what one broker without an authorizer does not keep is refused by name
            Checks.fails(SecurityDisabledException.class, () -> admin.describeAcls(AclBindingFilter.ANY).values().get()).run();
            Checks.fails(SecurityDisabledException.class, () -> admin.deleteAcls(List.of(AclBindingFilter.ANY)).all().get()).run();
            Checks.fails(SecurityDisabledException.class, () -> admin.createAcls(List.of(new AclBinding(
                new org.apache.kafka.common.resource.ResourcePattern(org.apache.kafka.common.resource.ResourceType.TOPIC, "t", org.apache.kafka.common.resource.PatternType.LITERAL),
                new AccessControlEntry("User:a", "*", AclOperation.READ, AclPermissionType.ALLOW)))).all().get()).run();
            Checks.fails(ApiException.class, () -> admin.alterPartitionReassignments(Map.of(zero, Optional.of(new NewPartitionReassignment(List.of(7))))).all().get()).run();
            admin.alterPartitionReassignments(Map.of(zero, Optional.of(new NewPartitionReassignment(List.of(node.id()))))).all().get();
            Checks.fails(ApiException.class, () -> admin.alterClientQuotas(List.of(new ClientQuotaAlteration(
                new ClientQuotaEntity(Map.of("client-id", "x")), List.of(new ClientQuotaAlteration.Op("producer_byte_rate", 1.0))))).all().get()).run();
            Checks.fails(UnsupportedVersionException.class, () -> admin.describeUserScramCredentials().all().get()).run();
            Checks.fails(UnsupportedVersionException.class, () -> admin.describeMetadataQuorum().quorumInfo().get()).run();
            Checks.fails(UnsupportedVersionException.class, () -> admin.createDelegationToken().delegationToken().get()).run();
        }
    }

    static void groups() throws Exception {
        create("grouped", 2);
        TopicPartition zero = new TopicPartition("grouped", 0), one = new TopicPartition("grouped", 1);
        try (Admin admin = admin()) {
            admin.alterConsumerGroupOffsets("group-a", Map.of(zero, new OffsetAndMetadata(5), one, new OffsetAndMetadata(6))).all().get();
            admin.alterConsumerGroupOffsets("group-b", Map.of(zero, new OffsetAndMetadata(7))).all().get();
            Set<String> ids = admin.listConsumerGroups().all().get().stream().map(ConsumerGroupListing::groupId).collect(toSet());
            Checks.that(ids.containsAll(Set.of("group-a", "group-b")), "groups: " + ids);
            Map<String, Map<TopicPartition, OffsetAndMetadata>> both = admin.listConsumerGroupOffsets(Map.of("group-a", new ListConsumerGroupOffsetsSpec(), "group-b", new ListConsumerGroupOffsetsSpec())).all().get();
            Checks.equal(both.get("group-a").get(one).offset(), 6L, "offset of a");
            Checks.equal(both.get("group-b").get(zero).offset(), 7L, "offset of b");
            admin.deleteConsumerGroupOffsets("group-a", Set.of(one)).all().get();
            Checks.equal(admin.listConsumerGroupOffsets("group-a").partitionsToOffsetAndMetadata().get().keySet(), Set.of(zero), "offsets left");
            try (Member m = new Member("grouped", "group.id", "group-c")) {
                Checks.until("assigned", () -> m.assigned.size() == 2);
                Checks.fails(GroupNotEmptyException.class, () -> admin.deleteConsumerGroups(List.of("group-c")).all().get()).run();
                Checks.fails(GroupSubscribedToTopicException.class, () -> admin.deleteConsumerGroupOffsets("group-c", Set.of(zero)).all().get()).run();
                Checks.fails(UnknownMemberIdException.class, () -> admin.alterConsumerGroupOffsets("group-c", Map.of(zero, new OffsetAndMetadata(5))).all().get()).run();
            }
            admin.deleteConsumerGroups(List.of("group-a", "group-b", "group-c")).all().get();
            Checks.fails(GroupIdNotFoundException.class, () -> admin.deleteConsumerGroups(List.of("group-a")).all().get()).run();
        }
    }

    /** Ordinary work, and none with a wrong password. */
    static void secured() throws Exception {
        String topic = "secured-" + security.get("sasl.mechanism");
        create(topic, 1);
        try (KafkaProducer<String, String> producer = producer()) {
            producer.send(new ProducerRecord<>(topic, "k", "v")).get();
        }
        try (KafkaConsumer<String, String> consumer = consumer("group.id", topic)) {
            consumer.subscribe(List.of(topic));
            Checks.equal(read(consumer, 1).get(0).value(), "v", "value");
        }
        security.put("sasl.jaas.config", security.getProperty("sasl.jaas.config").replace("s3cret", "wrong"));
        Checks.fails(SaslAuthenticationException.class, () -> { create("refused", 1); return null; }).run();
    }

    public static void main(String[] args) throws Exception {
        bootstrap = args[0];
        Checks checks = new Checks();
        if (args.length > 2) {
            // NAME and a file of client properties for each way to authenticate
            for (int i = 2; i < args.length; i += 2) {
                security.clear();
                try (java.io.Reader file = new java.io.FileReader(args[i + 1])) { security.load(file); }
                Checks.run(args[i], Clients::secured);
            }
            System.exit(0);
        }
        checks.start("admin: topics", (Checks.Body) Clients::topics, "admin: configs", (Checks.Body) Clients::configs,
            "admin: cluster", (Checks.Body) Clients::cluster, "admin: groups", (Checks.Body) Clients::groups,
            "transactions", (Checks.Body) Clients::transactions,
            "consume, transform, produce", (Checks.Body) Clients::consumeTransformProduce);
        checks.start("every codec", (Checks.Body) Clients::codecs, "large records", (Checks.Body) Clients::large,
            "refused records", (Checks.Body) Clients::refusedBatch, "positions", (Checks.Body) Clients::positions,
            "eager rebalance", (Checks.Body) () -> rebalance("eager", RangeAssignor.class, false),
            "cooperative rebalance", (Checks.Body) () -> rebalance("cooperative", CooperativeStickyAssignor.class, true),
            "static member", (Checks.Body) Clients::staticMember);
        checks.start(Tools.all(bootstrap, args[1]));
        checks.join();
        System.exit(0);
    }
}
