import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.*;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.avro.Schema;
import org.apache.avro.generic.*;
import org.apache.avro.io.*;
import org.apache.kafka.common.serialization.*;

/** Avro records in the wire format of Confluent's serializers (a zero byte, the schema's id, the record), with a registry over REST. */
final class AvroSerde implements Serde<GenericRecord>, Serializer<GenericRecord>, Deserializer<GenericRecord> {
    private static final HttpClient http = HttpClient.newHttpClient();
    private static final Map<String, Integer> ids = new ConcurrentHashMap<>();
    private static final Map<Integer, Schema> schemas = new ConcurrentHashMap<>();
    private final String registry;

    AvroSerde(String registry) { this.registry = registry; }

    private static String call(HttpRequest.Builder request) {
        try {
            HttpResponse<String> answer = http.send(request.header("Content-Type", "application/vnd.schemaregistry.v1+json").build(), HttpResponse.BodyHandlers.ofString());
            if (answer.statusCode() != 200) throw new IllegalStateException("registry: " + answer.statusCode() + " " + answer.body());
            return answer.body();
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String quoted(String text) { return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"'; }

    private static String find(String pattern, String in) {
        Matcher m = Pattern.compile(pattern).matcher(in);
        if (!m.find()) throw new IllegalStateException(in);
        return m.group(1);
    }

    @Override public byte[] serialize(String topic, GenericRecord record) {
        if (record == null) return null;
        int id = ids.computeIfAbsent(topic + record.getSchema().getFullName(), k -> Integer.parseInt(find("\"id\":\\s*(\\d+)",
            call(HttpRequest.newBuilder(URI.create(registry + "/subjects/" + topic + "-value/versions"))
                .POST(HttpRequest.BodyPublishers.ofString("{\"schema\":" + quoted(record.getSchema().toString()) + "}"))))));
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.write(0);
        out.writeBytes(ByteBuffer.allocate(4).putInt(id).array());
        BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(out, null);
        try {
            new GenericDatumWriter<GenericRecord>(record.getSchema()).write(record, encoder);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        return out.toByteArray();
    }

    @Override public GenericRecord deserialize(String topic, byte[] bytes) {
        if (bytes == null) return null;
        int id = ByteBuffer.wrap(bytes, 1, 4).getInt();
        Schema schema = schemas.computeIfAbsent(id, k -> {
            String answer = call(HttpRequest.newBuilder(URI.create(registry + "/schemas/ids/" + id)));
            return new Schema.Parser().parse(find("\"schema\":\\s*\"((?:[^\"\\\\]|\\\\.)*)\"", answer).replace("\\\"", "\"").replace("\\\\", "\\"));
        });
        try {
            return new GenericDatumReader<GenericRecord>(schema).read(null, DecoderFactory.get().binaryDecoder(bytes, 5, bytes.length - 5, null));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override public Serializer<GenericRecord> serializer() { return this; }
    @Override public Deserializer<GenericRecord> deserializer() { return this; }
    @Override public void configure(Map<String, ?> configs, boolean isKey) {}
    @Override public void close() {}
}
