// GET / and HEAD / (the distribution keeps these in its rest-root module, which Central lacks).
package esnode;

import org.elasticsearch.Build;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.cluster.ClusterState;
import org.elasticsearch.cluster.metadata.IndexNameExpressionResolver;
import org.elasticsearch.cluster.node.DiscoveryNodes;
import org.elasticsearch.cluster.service.ClusterService;
import org.elasticsearch.common.io.stream.NamedWriteableRegistry;
import org.elasticsearch.common.settings.ClusterSettings;
import org.elasticsearch.common.settings.IndexScopedSettings;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.common.settings.SettingsFilter;
import org.elasticsearch.features.NodeFeature;
import org.elasticsearch.index.IndexVersion;
import org.elasticsearch.plugins.ActionPlugin;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.rest.BaseRestHandler;
import org.elasticsearch.rest.RestController;
import org.elasticsearch.rest.RestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestResponse;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.xcontent.XContentBuilder;

import java.util.Collection;
import java.util.List;
import java.util.function.Predicate;
import java.util.function.Supplier;

public final class RootPlugin extends Plugin implements ActionPlugin {
    private final String nodeName;
    private ClusterService cluster;

    public RootPlugin(Settings s) {
        nodeName = s.get("node.name");
    }

    @Override
    public Collection<?> createComponents(PluginServices services) {
        cluster = services.clusterService();
        return List.of();
    }

    @Override
    public Collection<RestHandler> getRestHandlers(Settings settings, NamedWriteableRegistry nwr, RestController rc, ClusterSettings cs,
        IndexScopedSettings iss, SettingsFilter sf, IndexNameExpressionResolver r, Supplier<DiscoveryNodes> nodes, Predicate<NodeFeature> f) {
        return List.of(new BaseRestHandler() {
            @Override
            public String getName() {
                return "esnode_root";
            }

            @Override
            public List<Route> routes() {
                return List.of(new Route(RestRequest.Method.GET, "/"), new Route(RestRequest.Method.HEAD, "/"));
            }

            @Override
            protected RestChannelConsumer prepareRequest(RestRequest req, NodeClient client) {
                return ch -> {
                    ClusterState st = cluster.state();
                    XContentBuilder b = ch.newBuilder();
                    Build v = Build.current();
                    b.startObject();
                    b.field("name", nodeName);
                    b.field("cluster_name", st.getClusterName().value());
                    b.field("cluster_uuid", st.metadata().clusterUUID());
                    b.startObject("version");
                    b.field("number", v.qualifiedVersion());
                    b.field("build_flavor", v.flavor());
                    b.field("build_type", v.type().displayName());
                    b.field("build_hash", v.hash());
                    b.field("build_date", v.date());
                    b.field("build_snapshot", v.isSnapshot());
                    b.field("lucene_version", IndexVersion.current().luceneVersion().toString());
                    b.field("minimum_wire_compatibility_version", v.minWireCompatVersion());
                    b.field("minimum_index_compatibility_version", v.minIndexCompatVersion());
                    b.endObject();
                    b.field("tagline", "You Know, for Search");
                    b.endObject();
                    ch.sendResponse(new RestResponse(RestStatus.OK, b));
                };
            }
        });
    }
}
