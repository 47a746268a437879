import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.Configurable;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.header.ConnectHeaders;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.transforms.Transformation;
import org.apache.kafka.connect.transforms.predicates.Predicate;

/**
 * Connect's own transforms and predicates. One line in: {"class", "config", "record"}; one line out: the record, {"drop": true},
 * {"holds": …} for a predicate, or {"error": message}; {"unwritable"} where the result is not valid in Connect itself. Values are in the JSON converter's envelope, without a schema where they
 * have none.
 */
public class TransformOracle {
  private static final ObjectMapper json = new ObjectMapper();
  private static final JsonConverter withSchema = converter("true");
  private static final JsonConverter without = converter("false");

  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    StringBuilder out = new StringBuilder();
    Map<String, Object> made = new HashMap<>();
    for (String line; (line = in.readLine()) != null; ) {
      ObjectNode answer = json.createObjectNode();
      JsonNode asked = json.readTree(line);
      try {
        String key = asked.get("class").asText() + asked.get("config");
        Object plugin = made.get(key);
        if (plugin == null) {
          plugin = Class.forName(asked.get("class").asText()).getDeclaredConstructor().newInstance();
          Map<String, Object> config = new HashMap<>();
          asked.get("config").properties().forEach(e -> config.put(e.getKey(), e.getValue().asText()));
          ((Configurable) plugin).configure(config);
          made.put(key, plugin);
        }
        run(plugin, record(asked.get("record")), answer);
      } catch (Throwable e) {
        answer.put("error", String.valueOf(e.getMessage()));
        answer.put("thrown", e.getClass().getSimpleName());
      }
      out.append(json.writeValueAsString(answer)).append('\n');
    }
    System.out.write(out.toString().getBytes(StandardCharsets.UTF_8));
    System.out.flush();
  }

  @SuppressWarnings({"unchecked", "rawtypes"})
  private static void run(Object plugin, ConnectRecord record, ObjectNode answer) throws Exception {
    if (plugin instanceof Predicate) {
      answer.put("holds", ((Predicate) plugin).test(record));
      return;
    }
    ConnectRecord<?> changed = ((Transformation) plugin).apply(record);
    if (changed == null) {
      answer.put("drop", true);
      return;
    }
    ObjectNode written = json.createObjectNode();
    try {
      written.set("key", write(changed.keySchema(), changed.key()));
      written.set("value", write(changed.valueSchema(), changed.value()));
    } catch (RuntimeException e) {
      answer.put("unwritable", e.getMessage());
      return;
    }
    answer.setAll(written);
    answer.put("topic", changed.topic());
    answer.put("partition", changed.kafkaPartition());
    answer.put("timestamp", changed.timestamp());
    ArrayNode headers = answer.putArray("headers");
    for (Header h : changed.headers()) {
      ObjectNode header = headers.addObject();
      header.put("key", h.key());
      header.set("value", write(h.schema(), h.value()));
    }
  }

  private static ConnectRecord<?> record(JsonNode r) throws Exception {
    SchemaAndValue key = read(r.get("key"));
    SchemaAndValue value = read(r.get("value"));
    ConnectHeaders headers = new ConnectHeaders();
    for (JsonNode h : r.get("headers")) {
      SchemaAndValue header = read(h.get("value"));
      headers.add(h.get("key").asText(), header.value(), header.schema());
    }
    Integer partition = r.get("partition").isNull() ? null : r.get("partition").asInt();
    Long timestamp = r.get("timestamp").isNull() ? null : r.get("timestamp").asLong();
    String topic = r.get("topic").asText();
    if (r.get("offset").isNull())
      return new SourceRecord(Map.of(), Map.of(), topic, partition, key.schema(), key.value(), value.schema(), value.value(), timestamp, headers);
    return new SinkRecord(topic, partition, key.schema(), key.value(), value.schema(), value.value(), r.get("offset").asLong(),
        timestamp, TimestampType.CREATE_TIME, headers);
  }

  private static SchemaAndValue read(JsonNode envelope) throws Exception {
    if (envelope.isNull()) return SchemaAndValue.NULL;
    byte[] bytes = json.writeValueAsBytes(envelope);
    if (!envelope.get("schema").isNull()) return withSchema.toConnectData("t", bytes);
    return without.toConnectData("t", json.writeValueAsBytes(envelope.get("payload")));
  }

  private static JsonNode write(Schema schema, Object value) throws Exception {
    byte[] bytes = withSchema.fromConnectData("t", schema, value);
    return bytes == null ? json.nullNode() : json.readTree(bytes);
  }

  private static JsonConverter converter(String schemas) {
    JsonConverter converter = new JsonConverter();
    converter.configure(Map.of("schemas.enable", schemas, "replace.null.with.default", "false", "schemas.cache.size", "1"), false);
    return converter;
  }
}
