import com.sun.net.httpserver.HttpServer;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/** Asks a server of its own by two HTTP clients, which the agent measures in two scopes. Arguments: how often by each. */
public final class TwoClients {
  public static void main(String[] args) throws Exception {
    HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/", exchange -> {
      exchange.sendResponseHeaders(204, -1);
      exchange.close();
    });
    server.start();
    URI uri = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/");
    HttpClient client = HttpClient.newHttpClient();
    for (int i = 0; i < Integer.parseInt(args[0]); i++) {
      client.send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.discarding());
    }
    for (int i = 0; i < Integer.parseInt(args[1]); i++) {
      HttpURLConnection connection = (HttpURLConnection) uri.toURL().openConnection();
      connection.getResponseCode();
      connection.disconnect();
    }
    // The agent sends what it has at the end of the process.
    System.exit(0);
  }
}
