import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.text.ParseException;
import java.text.SimpleDateFormat;
import java.util.Date;
import java.util.Locale;
import java.util.TimeZone;

/** SimpleDateFormat in UTC and English, on lines of `pattern<tab>ms` or `pattern<tab><tab>text`: the text, the ms, or `error`. */
public class DateOracle {
  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    StringBuilder out = new StringBuilder();
    for (String line; (line = in.readLine()) != null; ) {
      String[] parts = line.split("\t", -1);
      try {
        SimpleDateFormat format = new SimpleDateFormat(parts[0], Locale.US);
        format.setTimeZone(TimeZone.getTimeZone("UTC"));
        if (parts.length == 2) out.append(format.format(new Date(Long.parseLong(parts[1])))).append('\n');
        else out.append(format.parse(parts[2]).getTime()).append('\n');
      } catch (IllegalArgumentException | ParseException e) {
        out.append("error\n");
      }
    }
    System.out.write(out.toString().getBytes(StandardCharsets.UTF_8));
    System.out.flush();
  }
}
