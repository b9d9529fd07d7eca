// Starts one Elasticsearch node from Maven Central jars on the class path.
// usage: java -cp ... esnode.Main HOME key=value...   (any elasticsearch.yml setting; a list has commas)
// Further plugins: -Desnode.plugins=CLASS,CLASS. ESNODE_PASSWORD is user elastic's, with security on.
// Prints "ESNODE READY URL" when it takes requests; ends on SIGTERM.
package esnode;

import org.elasticsearch.cluster.service.ClusterService;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.KeyStoreWrapper;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.gateway.GatewayService;
import org.elasticsearch.http.HttpServerTransport;
import org.elasticsearch.node.ClasspathNode;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.transport.netty4.Netty4Plugin;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

public final class Main {
    public static void main(String[] args) throws Exception {
        Path home = Path.of(args[0]).toAbsolutePath();
        Files.createDirectories(home.resolve("config"));
        Files.createDirectories(home.resolve("logs"));
        Path log = home.resolve("config/log4j2.properties");
        Files.writeString(log, String.join("\n", "status = error", "appender.c.type = Console", "appender.c.name = c",
            "appender.c.layout.type = PatternLayout", "appender.c.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] %m%n",
            "rootLogger.level = info", "rootLogger.appenderRef.c.ref = c", ""));
        Settings.Builder b = Settings.builder()
            .put("path.home", home.toString())
            .put("cluster.name", "esnode")
            .put("node.name", "n1")
            .put("network.host", "127.0.0.1")
            .put("cluster.routing.allocation.disk.threshold_enabled", false);
        for (int i = 1; i < args.length; i++) {
            int eq = args[i].indexOf('=');
            String k = args[i].substring(0, eq), v = args[i].substring(eq + 1);
            if (v.contains(",")) b.putList(k, v.split(",")); else b.put(k, v);
        }
        if (b.get("cluster.initial_master_nodes") == null) b.put("discovery.type", "single-node");
        String password = System.getenv("ESNODE_PASSWORD");
        if (password != null) {
            KeyStoreWrapper ks = KeyStoreWrapper.create();
            ks.setString("bootstrap.password", password.toCharArray());
            b.setSecureSettings(ks);
        }
        Environment env = InternalSettingsPreparer.prepareEnvironment(b.build(), Map.of(), home.resolve("config"), () -> "localhost");
        LogConfigurator.registerErrorListener();
        LogConfigurator.configure(env, true);

        List<Class<? extends Plugin>> plugins = new ArrayList<>();
        for (String c : System.getProperty("esnode.plugins", "").split(",")) {
            if (c.isEmpty() == false) plugins.add(Class.forName(c).asSubclass(Plugin.class));
        }
        plugins.addAll(List.of(Netty4Plugin.class, RootPlugin.class, ShimPlugin.class));
        ClasspathNode node = new ClasspathNode(env, plugins);
        CountDownLatch stop = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
                node.awaitClose(10, TimeUnit.SECONDS);
            } catch (Exception e) {
                e.printStackTrace();
            }
            stop.countDown();
        }));
        node.start();
        // Ready: a master is elected, the state is recovered and every primary shard is up; 60 s at most.
        for (int i = 0; i < 600; i++) {
            var st = node.injector().getInstance(ClusterService.class).state();
            if (st.nodes().getMasterNode() != null && st.blocks().hasGlobalBlock(GatewayService.STATE_NOT_RECOVERED_BLOCK) == false
                && st.routingTable().allShards().allMatch(r -> r.primary() == false || r.active())) break;
            Thread.sleep(100);
        }
        var at = node.injector().getInstance(HttpServerTransport.class).boundAddress().publishAddress();
        String scheme = env.settings().getAsBoolean("xpack.security.http.ssl.enabled", false) ? "https" : "http";
        System.out.println("ESNODE READY " + scheme + "://127.0.0.1:" + at.getPort());
        stop.await();
    }
}
