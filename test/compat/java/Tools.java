import java.io.*;
import java.lang.reflect.InvocationTargetException;
import java.nio.file.*;
import java.util.*;
import org.apache.kafka.common.utils.Exit;

/** Apache's command-line tools, by the classes that their scripts start, one after the other in this process. */
final class Tools {
    private static String bootstrap;

    private static final class Ended extends RuntimeException {
        final int status;
        Ended(int status) { super("exit " + status, null, false, false); this.status = status; }
    }

    /** The first exit of the tool that runs: some take what the exit throws for a failure, and exit once more. */
    private static volatile Ended ended;

    private static void end(int status) {
        if (ended == null) ended = new Ended(status);
        throw ended;
    }

    /** Of the names that a tool had in one release or another. */
    private static Class<?> tool(String... names) throws ClassNotFoundException {
        for (String name : names)
            try { return Class.forName(name); } catch (ClassNotFoundException e) { /* the next */ }
        throw new ClassNotFoundException(String.join(", ", names));
    }

    /** Standard output and error of `main`; arguments split at blanks, `@` is the bootstrap server. */
    private static String run(Class<?> tool, String input, String arguments) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        InputStream stdin = System.in;
        captured = new PrintStream(out, true);
        System.setIn(new ByteArrayInputStream(input.getBytes()));
        ended = null;
        try {
            tool.getMethod("main", String[].class).invoke(null, (Object) arguments.replace("@", bootstrap).split(" "));
        } catch (InvocationTargetException e) {
            if (ended == null) throw new AssertionError(tool.getSimpleName() + " " + arguments + ": " + e.getCause() + " " + out, e.getCause());
        } finally {
            captured = null;
            System.setIn(stdin);
        }
        if (ended != null && ended.status != 0) throw new AssertionError(tool.getSimpleName() + " " + arguments + ": status " + ended.status + ": " + out);
        return out.toString();
    }

    private static String run(Class<?> tool, String arguments) throws Exception { return run(tool, "", arguments); }

    private static void has(String text, String... parts) {
        for (String part : parts) Checks.that(text.contains(part), "\"" + part + "\" is not in: " + text);
    }

    private static volatile PrintStream captured;

    /** Only the thread of the tools writes there while one runs; the checks write to the stream of the start. */
    private static PrintStream switching(PrintStream to) {
        return new PrintStream(new OutputStream() {
            private PrintStream now() { PrintStream c = captured; return c == null ? to : c; }
            @Override public void write(int b) { now().write(b); }
            @Override public void write(byte[] b, int off, int len) { now().write(b, off, len); }
            @Override public void flush() { now().flush(); }
        }, true);
    }

    static Object[] all(String at, String dataFolder) throws Exception {
        bootstrap = at;
        System.setOut(switching(System.out));
        System.setErr(switching(System.err));
        Exit.setExitProcedure((status, message) -> end(status));
        Exit.setHaltProcedure((status, message) -> end(status));
        List<Object> checks = new ArrayList<>();
        Path records = Files.createTempFile("delete-records", ".json");
        check(checks, "kafka-topics", () -> {
            Class<?> topics = tool("org.apache.kafka.tools.TopicCommand");
            has(run(topics, "--bootstrap-server @ --create --topic tool --partitions 2 --config retention.ms=123456"), "Created topic tool");
            has(run(topics, "--bootstrap-server @ --list"), "tool\n");
            has(run(topics, "--bootstrap-server @ --describe --topic tool"), "PartitionCount: 2", "retention.ms=123456", "Leader: 1");
            run(topics, "--bootstrap-server @ --alter --topic tool --partitions 3");
            has(run(topics, "--bootstrap-server @ --describe --topic tool"), "PartitionCount: 3");
            has(run(topics, "--bootstrap-server @ --describe --under-replicated-partitions"), "");
            run(topics, "--bootstrap-server @ --create --topic gone");
            run(topics, "--bootstrap-server @ --delete --topic gone");
        });
        check(checks, "kafka-console-producer", () -> {
            StringBuilder lines = new StringBuilder();
            for (int i = 0; i < 30; i++) lines.append("k").append(i).append(":v").append(i).append('\n');
            run(tool("org.apache.kafka.tools.ConsoleProducer", "kafka.tools.ConsoleProducer"), lines.toString(),
                "--bootstrap-server @ --topic tool --property parse.key=true --property key.separator=: --compression-codec zstd");
        });
        check(checks, "kafka-console-consumer", () -> {
            String out = run(tool("org.apache.kafka.tools.consumer.ConsoleConsumer", "kafka.tools.ConsoleConsumer"),
                "--bootstrap-server @ --topic tool --from-beginning --max-messages 30 --group tools --timeout-ms 20000 --property print.key=true --property print.partition=true");
            has(out, "k0\tv0", "k29\tv29", "Partition:");
        });
        check(checks, "kafka-get-offsets", () -> {
            Class<?> offsets = tool("org.apache.kafka.tools.GetOffsetShell", "kafka.tools.GetOffsetShell");
            String out = run(offsets, "--bootstrap-server @ --topic tool --time latest");
            int sum = 0;
            for (String line : out.trim().split("\n")) sum += Integer.parseInt(line.split(":")[2].trim());
            Checks.equal(sum, 30, "offsets in " + out);
            for (String time : List.of("earliest", "max-timestamp", "-1", "1000")) has(run(offsets, "--bootstrap-server @ --topic tool --time " + time), "tool:0:");
        });
        check(checks, "kafka-consumer-groups", () -> {
            Class<?> groups = tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "kafka.admin.ConsumerGroupCommand");
            has(run(groups, "--bootstrap-server @ --list"), "tools");
            has(run(groups, "--bootstrap-server @ --list --state"), "Empty");
            has(run(groups, "--bootstrap-server @ --describe --group tools"), "CURRENT-OFFSET", "tool ");
            has(run(groups, "--bootstrap-server @ --describe --group tools --state"), "Empty");
            run(groups, "--bootstrap-server @ --describe --group tools --members");
            has(run(groups, "--bootstrap-server @ --group tools --topic tool --reset-offsets --to-earliest --execute"), "NEW-OFFSET");
            has(run(groups, "--bootstrap-server @ --group tools --topic tool --reset-offsets --shift-by 1 --dry-run"), "NEW-OFFSET");
            has(run(groups, "--bootstrap-server @ --group tools --delete-offsets --topic tool"), "Success");
            has(run(groups, "--bootstrap-server @ --group tools --delete"), "successful");
        });
        check(checks, "kafka-configs", () -> {
            Class<?> configs = tool("org.apache.kafka.tools.ConfigCommand", "kafka.admin.ConfigCommand");
            run(configs, "--bootstrap-server @ --alter --entity-type topics --entity-name tool --add-config cleanup.policy=compact,segment.bytes=2000000");
            has(run(configs, "--bootstrap-server @ --describe --entity-type topics --entity-name tool"), "cleanup.policy=compact", "DYNAMIC_TOPIC_CONFIG");
            run(configs, "--bootstrap-server @ --alter --entity-type topics --entity-name tool --delete-config cleanup.policy");
            has(run(configs, "--bootstrap-server @ --describe --entity-type brokers --entity-name 1 --all"), "advertised.listeners");
        });
        check(checks, "kafka-delete-records", () -> {
            Files.writeString(records, "{\"version\":1,\"partitions\":[{\"topic\":\"tool\",\"partition\":0,\"offset\":-1}]}");
            has(run(tool("org.apache.kafka.tools.DeleteRecordsCommand", "kafka.admin.DeleteRecordsCommand"), "--bootstrap-server @ --offset-json-file " + records), "low_watermark");
        });
        check(checks, "kafka-transactions", () -> {
            Class<?> transactions = tool("org.apache.kafka.tools.TransactionsCommand");
            try (var producer = Clients.producer("transactional.id", "tool-tx")) {
                producer.initTransactions();
                producer.beginTransaction();
                producer.send(new org.apache.kafka.clients.producer.ProducerRecord<>("tool", 1, "k", "v")).get();
                has(run(transactions, "--bootstrap-server @ list"), "tool-tx", "Ongoing");
                has(run(transactions, "--bootstrap-server @ describe --transactional-id tool-tx"), "tool-1");
                has(run(transactions, "--bootstrap-server @ describe-producers --topic tool --partition 1"), "ProducerId");
                has(run(transactions, "--bootstrap-server @ find-hanging --broker-id 1"), "");
                producer.commitTransaction();
            }
        });
        check(checks, "kafka-dump-log", () -> {
            try (var folders = Files.newDirectoryStream(Path.of(dataFolder), "tool-1");) {
                Path log = folders.iterator().next().resolve("00000000000000000000.log");
                has(run(tool("org.apache.kafka.tools.DumpLogSegments", "kafka.tools.DumpLogSegments"), "--print-data-log --files " + log),
                    "isvalid: true", "payload: v", "endTxnMarker: COMMIT", "compresscodec: zstd");
            }
        });
        check(checks, "kafka-producer-perf-test", () ->
            has(run(tool("org.apache.kafka.tools.ProducerPerformance"),
                "--topic perf --num-records 20000 --record-size 100 --throughput -1 --producer-props bootstrap.servers=" + at + " acks=all"), "20000 records sent"));
        check(checks, "kafka-consumer-perf-test", () ->
            has(run(tool("org.apache.kafka.tools.ConsumerPerformance"), "--bootstrap-server @ --topic perf --messages 20000"), "20000"));
        check(checks, "kafka-e2e-latency", () ->
            has(run(tool("org.apache.kafka.tools.EndToEndLatency", "kafka.tools.EndToEndLatency"), at + " e2e 50 all 100"), "Avg latency"));
        check(checks, "kafka-broker-api-versions", () ->
            has(run(tool("org.apache.kafka.tools.BrokerApiVersionsCommand", "kafka.admin.BrokerApiVersionsCommand"), "--bootstrap-server @"), "Produce(0)", "Fetch(1)"));
        check(checks, "kafka-log-dirs", () ->
            has(run(tool("org.apache.kafka.tools.LogDirsCommand"), "--bootstrap-server @ --describe --topic-list tool"), "\"partition\":\"tool-0\""));
        check(checks, "kafka-leader-election", () ->
            has(run(tool("org.apache.kafka.tools.LeaderElectionCommand"), "--bootstrap-server @ --election-type preferred --topic tool --partition 0"), "Valid replica already elected"));
        check(checks, "kafka-cluster", () -> has(run(tool("org.apache.kafka.tools.ClusterTool"), "cluster-id --bootstrap-server @"), "Cluster ID"));
        check(checks, "kafka-reassign-partitions", () ->
            has(run(tool("org.apache.kafka.tools.reassign.ReassignPartitionsCommand"), "--bootstrap-server @ --list"), "No partition reassignments found"));
        check(checks, "kafka-streams-application-reset", () -> {
            run(tool("org.apache.kafka.tools.StreamsResetter"), "--bootstrap-server @ --application-id nobody --input-topics tool --force");
        });
        return checks.toArray();
    }

    private static void check(List<Object> checks, String name, Checks.Body body) {
        checks.add(name);
        checks.add(body);
    }
}
