import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** java.util.regex on lines of `pattern text replacement`, each in base64: `matches|found|replaced first`, or `error`. */
public class RegexOracle {
  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    StringBuilder out = new StringBuilder();
    for (String line; (line = in.readLine()) != null; ) {
      String[] parts = line.split(" ", -1);
      try {
        Matcher m = Pattern.compile(text(parts[0])).matcher(text(parts[1]));
        boolean matches = m.matches();
        boolean found = m.reset().find();
        String replaced = m.replaceFirst(text(parts[2]));
        out.append(matches).append('|').append(found).append('|').append(Base64.getEncoder().encodeToString(replaced.getBytes(StandardCharsets.UTF_8))).append('\n');
      } catch (RuntimeException e) {
        out.append("error\n");
      }
    }
    System.out.print(out);
  }

  private static String text(String base64) {
    return new String(Base64.getDecoder().decode(base64), StandardCharsets.UTF_8);
  }
}
