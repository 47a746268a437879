import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.storage.Converter;
import org.apache.kafka.connect.storage.HeaderConverter;

/**
 * Connect's own converters. One line in: {"class", "config", "data"} (the JSON converter's envelope, to be written) or {"class",
 * "config", "bytes"} (base64, to be read); one line out: {"bytes"} or {"data"}, or {"error": message}.
 */
public class ConverterOracle {
  private static final ObjectMapper json = new ObjectMapper();
  private static final JsonConverter withSchema = json("true");
  private static final JsonConverter without = json("false");

  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    StringBuilder out = new StringBuilder();
    Map<String, Object> made = new HashMap<>();
    for (String line; (line = in.readLine()) != null; ) {
      ObjectNode answer = json.createObjectNode();
      JsonNode asked = json.readTree(line);
      try {
        Object plugin = made.computeIfAbsent(asked.get("class").asText() + asked.get("config"), key -> make(asked));
        if (asked.has("data")) {
          SchemaAndValue data = data(asked.get("data"));
          byte[] bytes = plugin instanceof HeaderConverter && asked.has("header")
              ? ((HeaderConverter) plugin).fromConnectHeader("t", "h", data.schema(), data.value())
              : ((Converter) plugin).fromConnectData("t", data.schema(), data.value());
          answer.put("bytes", bytes == null ? null : Base64.getEncoder().encodeToString(bytes));
        } else {
          byte[] bytes = asked.get("bytes").isNull() ? null : Base64.getDecoder().decode(asked.get("bytes").asText());
          SchemaAndValue data = plugin instanceof HeaderConverter && asked.has("header")
              ? ((HeaderConverter) plugin).toConnectHeader("t", "h", bytes)
              : ((Converter) plugin).toConnectData("t", bytes);
          answer.put("shape", shape(data.schema()));
          try {
            byte[] written = withSchema.fromConnectData("t", data.schema(), data.value());
            answer.set("data", written == null ? json.nullNode() : json.readTree(written));
          } catch (RuntimeException e) {
            answer.put("unwritable", String.valueOf(data.value()));
          }
        }
      } catch (Throwable e) {
        answer.put("error", String.valueOf(e.getMessage()));
        answer.put("thrown", e.getClass().getSimpleName());
      }
      out.append(json.writeValueAsString(answer)).append('\n');
    }
    System.out.write(out.toString().getBytes(StandardCharsets.UTF_8));
    System.out.flush();
  }

  private static String shape(Schema s) {
    if (s == null) return "null";
    switch (s.type()) {
      case ARRAY: return "array<" + shape(s.valueSchema()) + ">";
      case MAP: return "map<" + shape(s.keySchema()) + "," + shape(s.valueSchema()) + ">";
      default: return (s.name() == null ? "" : s.name() + ":") + s.type().getName() + (s.isOptional() ? "?" : "");
    }
  }

  private static Object make(JsonNode asked) {
    try {
      Object plugin = Class.forName(asked.get("class").asText()).getDeclaredConstructor().newInstance();
      Map<String, Object> config = new HashMap<>();
      asked.get("config").properties().forEach(e -> config.put(e.getKey(), e.getValue().asText()));
      if (asked.has("header")) {
        config.put("converter.type", "header");
        ((HeaderConverter) plugin).configure(config);
      } else ((Converter) plugin).configure(config, false);
      return plugin;
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  private static SchemaAndValue data(JsonNode envelope) throws Exception {
    if (envelope.isNull()) return SchemaAndValue.NULL;
    byte[] bytes = json.writeValueAsBytes(envelope);
    if (!envelope.get("schema").isNull()) return withSchema.toConnectData("t", bytes);
    return without.toConnectData("t", json.writeValueAsBytes(envelope.get("payload")));
  }

  private static JsonConverter json(String schemas) {
    JsonConverter converter = new JsonConverter();
    converter.configure(Map.of("schemas.enable", schemas, "replace.null.with.default", "false", "schemas.cache.size", "1"), false);
    return converter;
  }
}
