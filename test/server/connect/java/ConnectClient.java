import java.util.Map;
import java.util.TreeSet;
import org.sourcelab.kafka.connect.apiclient.Configuration;
import org.sourcelab.kafka.connect.apiclient.KafkaConnectClient;
import org.sourcelab.kafka.connect.apiclient.request.dto.ConnectorPluginConfigDefinition;
import org.sourcelab.kafka.connect.apiclient.request.dto.NewConnectorDefinition;
import org.sourcelab.kafka.connect.apiclient.rest.exceptions.InvalidRequestException;
import org.sourcelab.kafka.connect.apiclient.rest.exceptions.ResourceNotFoundException;

/** Every call of org.sourcelab's client of Connect's REST, against the interface at the given URL. */
public class ConnectClient {
    static void check(String what, Object found, Object expected) {
        if (!String.valueOf(found).equals(String.valueOf(expected)))
            throw new AssertionError(what + ": " + found + ", not " + expected);
        System.out.println("ok " + what);
    }

    public static void main(String[] args) throws Exception {
        KafkaConnectClient client = new KafkaConnectClient(new Configuration(args[0]));
        String type = args[1];
        String name = "by java/x y";
        check("version", client.getConnectServerVersion().getVersion().matches("\\d+\\..*"), true);
        check("no connectors", client.getConnectors(), "[]");
        check("added", client.addConnector(NewConnectorDefinition.newBuilder().withName(name).withConfig("connector.class", type)
            .withConfig("topic", "by-java").withConfig("count", 7).withConfig("tasks.max", 1).build()).getName(), name);
        check("names", client.getConnectors(), "[" + name + "]");
        long end = System.currentTimeMillis() + 10_000;
        while (!client.getConnectorStatus(name).getTasks().stream().allMatch(t -> t.getState().equals("RUNNING"))
            || client.getConnectorTopics(name).getTopics().isEmpty()) {
            if (System.currentTimeMillis() > end) throw new AssertionError("it does not run: " + client.getConnectorStatus(name));
            Thread.sleep(20);
        }
        check("definition", client.getConnector(name).getType(), "source");
        check("config", client.getConnectorConfig(name).get("count"), "7");
        check("status", client.getConnectorStatus(name).getConnector().get("state"), "RUNNING");
        check("worker", client.getConnectorStatus(name).getConnector().get("worker_id"), args[2]);
        check("topics", client.getConnectorTopics(name).getTopics(), "[by-java]");
        check("tasks", client.getConnectorTasks(name).size(), 1);
        check("task status", client.getConnectorTaskStatus(name, 0).getState(), "RUNNING");
        check("expanded status", client.getConnectorsWithExpandedStatus().getStatusForConnector(name).getTasks().size(), 1);
        check("expanded info", client.getConnectorsWithExpandedInfo().getDefinitionForConnector(name).getConfig().get("topic"), "by-java");
        check("expanded", client.getConnectorsWithAllExpandedMetadata().getMappedStatuses().keySet(), "[" + name + "]");
        check("updated", client.updateConnectorConfig(name, Map.of("connector.class", type, "topic", "by-java", "count", "9")).getConfig().get("count"), "9");
        check("paused", client.pauseConnector(name), true);
        check("is paused", client.getConnectorStatus(name).getConnector().get("state"), "PAUSED");
        check("resumed", client.resumeConnector(name), true);
        check("restarted", client.restartConnector(name), true);
        check("task restarted", client.restartConnectorTask(name, 0), true);
        check("topics reset", client.resetConnectorTopics(name), true);
        check("plug-ins", client.getConnectorPlugins().stream().anyMatch(p -> p.getClassName().equals(type)), true);
        var checked = client.validateConnectorPluginConfig(
            ConnectorPluginConfigDefinition.newBuilder().withName(type).withConfig("connector.class", type).withConfig("count", "x").build());
        TreeSet<String> wrong = new TreeSet<>();
        checked.getConfigs().forEach(c -> { if (!c.getValue().getErrors().isEmpty()) wrong.add(c.getValue().getName()); });
        check("validated", wrong, "[count, name, topic]");
        try {
            client.updateConnectorConfig(name, Map.of("connector.class", type, "count", "x"));
            throw new AssertionError("a bad config was taken");
        } catch (InvalidRequestException e) {
            check("refused", e.getErrorCode() + " " + e.getMessage().contains("Connector configuration is invalid"), "400 true");
        }
        check("deleted", client.deleteConnector(name), true);
        try {
            client.getConnector(name);
            throw new AssertionError("it is still there");
        } catch (ResourceNotFoundException e) {
            check("gone", e.getErrorCode(), 404);
        }
    }
}
