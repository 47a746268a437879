import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.json.JsonConverter;

/**
 * Connect's own JsonConverter on lines of its envelope: reads each and writes it back in every variant, one line each.
 * A variant is SCHEMAS FORMAT REPLACE, as in `true NUMERIC false`; the arguments list them.
 */
public class JsonOracle {
  public static void main(String[] variants) throws Exception {
    JsonConverter[] readers = new JsonConverter[variants.length];
    JsonConverter[] writers = new JsonConverter[variants.length];
    for (int i = 0; i < variants.length; i++) {
      String[] words = variants[i].split(" ");
      readers[i] = converter("true", "BASE64", words[2]);
      writers[i] = converter(words[0], words[1], words[2]);
    }
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    StringBuilder out = new StringBuilder();
    for (String line; (line = in.readLine()) != null; ) {
      for (int i = 0; i < variants.length; i++) {
        try {
          SchemaAndValue data = readers[i].toConnectData("t", line.getBytes(StandardCharsets.UTF_8));
          byte[] bytes = writers[i].fromConnectData("t", data.schema(), data.value());
          out.append(bytes == null ? "<null>" : new String(bytes, StandardCharsets.UTF_8)).append('\n');
        } catch (Exception e) {
          out.append("<error> ").append(e.getMessage().replace('\n', ' ')).append('\n');
        }
      }
    }
    System.out.write(out.toString().getBytes(StandardCharsets.UTF_8));
    System.out.flush();
  }

  private static JsonConverter converter(String schemas, String format, String replace) {
    Map<String, String> config = new HashMap<>();
    config.put("schemas.enable", schemas);
    config.put("decimal.format", format);
    config.put("replace.null.with.default", replace);
    JsonConverter converter = new JsonConverter();
    converter.configure(config, false);
    return converter;
  }
}
