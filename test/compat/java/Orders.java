import java.time.Duration;
import java.util.*;
import org.apache.avro.Schema;
import org.apache.avro.SchemaBuilder;
import org.apache.avro.generic.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * The order services on Kafka Streams with exactly_once_v2: `Orders services BOOTSTRAP REGISTRY STATE_FOLDER` runs both,
 * `Orders orders BOOTSTRAP REGISTRY COUNT` writes the tables and the orders, and holds what the services make of them to a recomputation.
 */
public final class Orders {
    static final Schema PRODUCT = SchemaBuilder.record("Product").namespace("com.training.ecommerce.model").fields()
        .requiredString("id").requiredString("product_name").requiredDouble("product_cost").endRecord();
    static final Schema CUSTOMER = SchemaBuilder.record("Customer").namespace("com.training.ecommerce.model").fields()
        .requiredString("id").requiredString("name").optionalString("email").requiredString("card_number").endRecord();
    static final Schema ORDER = SchemaBuilder.record("Order").namespace("com.training.ecommerce.model").fields()
        .requiredString("id").requiredString("product_id").requiredString("customer_id").requiredInt("quantity").endRecord();
    static final Schema DETAIL = SchemaBuilder.record("OrderDetail").namespace("com.training.ecommerce.model").fields()
        .requiredString("id").requiredString("customer_id").requiredString("customer_name").requiredString("product_name").requiredInt("quantity").requiredDouble("price").endRecord();
    static final Schema TOTAL = SchemaBuilder.record("CustomerTotal").namespace("com.training.ecommerce.model").fields()
        .requiredString("customer_id").requiredLong("orders").requiredDouble("total").endRecord();

    static GenericRecord record(Schema schema, Object... values) {
        GenericRecord r = new GenericData.Record(schema);
        for (int i = 0; i < values.length; i++) r.put(i, values[i]);
        return r;
    }

    static String text(GenericRecord r, String field) { return String.valueOf(r.get(field)); }

    /** Orders with their customer and their product. */
    static Topology details(Serde<GenericRecord> avro) {
        StreamsBuilder builder = new StreamsBuilder();
        Consumed<String, GenericRecord> consumed = Consumed.with(Serdes.String(), avro);
        GlobalKTable<String, GenericRecord> products = builder.globalTable("products", consumed);
        GlobalKTable<String, GenericRecord> customers = builder.globalTable("customers", consumed);
        builder.stream("orders", consumed)
            .join(products, (id, order) -> text(order, "product_id"), (order, product) -> record(DETAIL, text(order, "id"), text(order, "customer_id"), "",
                text(product, "product_name"), order.get("quantity"), (int) order.get("quantity") * (double) product.get("product_cost")))
            .join(customers, (id, detail) -> text(detail, "customer_id"), (detail, customer) -> {
                detail.put("customer_name", text(customer, "name"));
                return detail;
            })
            .to("orders-details", Produced.with(Serdes.String(), avro));
        return builder.build();
    }

    /** Count and sum of each customer's orders. */
    static Topology totals(Serde<GenericRecord> avro) {
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream("orders-details", Consumed.with(Serdes.String(), avro))
            .groupBy((id, detail) -> text(detail, "customer_id"), Grouped.<String, GenericRecord>as("orders-by-customer").withKeySerde(Serdes.String()).withValueSerde(avro))
            .aggregate(() -> record(TOTAL, "", 0L, 0.0),
                (customer, detail, total) -> record(TOTAL, customer, (long) total.get("orders") + 1, (double) total.get("total") + (double) detail.get("price")),
                Materialized.<String, GenericRecord, KeyValueStore<org.apache.kafka.common.utils.Bytes, byte[]>>as("totals").withKeySerde(Serdes.String()).withValueSerde(avro))
            .toStream()
            .to("orders-totals", Produced.with(Serdes.String(), avro));
        return builder.build();
    }

    static KafkaStreams start(String name, Topology topology, String state) {
        Properties p = Clients.properties(
            StreamsConfig.APPLICATION_ID_CONFIG, name, StreamsConfig.STATE_DIR_CONFIG, state,
            StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2,
            StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0, StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 50,
            // a killed process is missed after that long
            "session.timeout.ms", 6000, "heartbeat.interval.ms", 500, "auto.offset.reset", "earliest");
        KafkaStreams streams = new KafkaStreams(topology, p);
        streams.setUncaughtExceptionHandler(e -> {
            e.printStackTrace();
            return org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.REPLACE_THREAD;
        });
        streams.start();
        return streams;
    }

    static List<ConsumerRecord<String, GenericRecord>> read(KafkaConsumer<String, GenericRecord> consumer, String topic, int partitions, int count, String what) {
        consumer.assign(Clients.partitions(topic, partitions));
        consumer.seekToBeginning(consumer.assignment());
        List<ConsumerRecord<String, GenericRecord>> out = new ArrayList<>();
        long end = System.currentTimeMillis() + 90_000;
        while (out.size() < count && System.currentTimeMillis() < end) consumer.poll(Duration.ofMillis(100)).forEach(out::add);
        // what comes twice comes soon after
        consumer.poll(Duration.ofMillis(500)).forEach(out::add);
        Checks.equal(out.size(), count, what);
        return out;
    }

    static void orders(AvroSerde avro, int count) throws Exception {
        Random random = new Random(42);
        try (Admin admin = Clients.admin()) {
            List<NewTopic> topics = new ArrayList<>();
            for (String topic : List.of("orders", "orders-details", "orders-totals", "orders-dlt")) topics.add(new NewTopic(topic, 3, (short) 1));
            for (String topic : List.of("products", "customers")) topics.add(new NewTopic(topic, 1, (short) 1).configs(Map.of("cleanup.policy", "compact")));
            admin.createTopics(topics).all().get();
        }
        Map<String, Double> costs = new HashMap<>();
        Map<String, Double> sums = new HashMap<>();
        Map<String, Long> counts = new HashMap<>();
        int bad = 0;
        Properties config = Clients.properties("acks", "all", "enable.idempotence", "true", "linger.ms", "5", "compression.type", "lz4");
        try (KafkaProducer<String, GenericRecord> producer = new KafkaProducer<>(config, new StringSerializer(), avro)) {
            for (int i = 1; i <= 20; i++) {
                double cost = random.nextInt(10_000) / 100.0;
                costs.put("" + i, cost);
                producer.send(new ProducerRecord<>("products", "" + i, record(PRODUCT, "" + i, "product " + i, cost)));
            }
            for (int i = 1; i <= 50; i++)
                producer.send(new ProducerRecord<>("customers", "" + i, record(CUSTOMER, "" + i, "customer " + i, null, "****")));
            producer.flush();
            Checks.OUT.println("ready");
            for (int i = 0; i < count; i++) {
                String product = "" + (1 + random.nextInt(20)), customer = "" + (1 + random.nextInt(50));
                int quantity = random.nextInt(10) - 1;
                producer.send(new ProducerRecord<>(quantity <= 0 ? "orders-dlt" : "orders", "o" + i, record(ORDER, "o" + i, product, customer, quantity)));
                if (quantity <= 0) bad++;
                else {
                    sums.merge(customer, quantity * costs.get(product), Double::sum);
                    counts.merge(customer, 1L, Long::sum);
                }
                if (i % 20 == 19) Thread.sleep(40);
            }
        }
        int good = count - bad, refused = bad;
        Properties reading = Clients.properties("isolation.level", "read_committed");
        try (KafkaConsumer<String, GenericRecord> consumer = new KafkaConsumer<>(reading, new StringDeserializer(), avro)) {
            Checks.run("orders-details: every order once, with its product and its customer", () -> {
                Set<String> seen = new HashSet<>();
                for (ConsumerRecord<String, GenericRecord> r : read(consumer, "orders-details", 3, good, "details")) {
                    Checks.that(seen.add(r.key()), r.key() + " twice");
                    Checks.equal(text(r.value(), "customer_name"), "customer " + text(r.value(), "customer_id"), "customer of " + r.key());
                }
            });
            Checks.run("orders-totals: each order counted once, the sums as recomputed", () -> {
                Map<String, Long> orders = new HashMap<>();
                Map<String, Double> totals = new HashMap<>();
                for (ConsumerRecord<String, GenericRecord> r : read(consumer, "orders-totals", 3, good, "totals")) {
                    Checks.equal(r.value().get("orders"), orders.getOrDefault(r.key(), 0L) + 1, "count of " + r.key());
                    orders.put(r.key(), (Long) r.value().get("orders"));
                    totals.put(r.key(), (Double) r.value().get("total"));
                }
                Checks.equal(orders, counts, "counts");
                sums.forEach((customer, sum) -> Checks.that(Math.abs(sum - totals.get(customer)) <= 1e-9 * Math.abs(sum), customer + ": " + totals.get(customer) + " and not " + sum));
            });
            Checks.run("orders-dlt: what has no quantity", () -> read(consumer, "orders-dlt", 3, refused, "refused"));
        }
    }

    public static void main(String[] args) throws Exception {
        Clients.bootstrap = args[1];
        AvroSerde avro = new AvroSerde(args[2]);
        if (args[0].equals("orders")) {
            orders(avro, Integer.parseInt(args[3]));
            System.exit(0);
        }
        KafkaStreams details = start("orders-details", details(avro), args[3]);
        KafkaStreams totals = start("orders-totals", totals(avro), args[3]);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            details.close(Duration.ofSeconds(5));
            totals.close(Duration.ofSeconds(5));
        }));
        Thread.sleep(Long.MAX_VALUE);
    }
}
