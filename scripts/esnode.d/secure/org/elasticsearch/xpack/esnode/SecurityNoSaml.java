// x-pack security less its SAML actions (their OpenSAML jars are not on Central).
package org.elasticsearch.xpack.esnode; // the server takes REST interceptors only from plugins in org.elasticsearch.xpack

import org.elasticsearch.action.ActionRequest;
import org.elasticsearch.action.ActionResponse;
import org.elasticsearch.cluster.metadata.IndexNameExpressionResolver;
import org.elasticsearch.cluster.node.DiscoveryNodes;
import org.elasticsearch.common.io.stream.NamedWriteableRegistry;
import org.elasticsearch.common.settings.ClusterSettings;
import org.elasticsearch.common.settings.IndexScopedSettings;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.common.settings.SettingsFilter;
import org.elasticsearch.features.NodeFeature;
import org.elasticsearch.rest.RestController;
import org.elasticsearch.rest.RestHandler;
import org.elasticsearch.xpack.security.Security;

import java.util.List;
import java.util.function.Predicate;
import java.util.function.Supplier;

public final class SecurityNoSaml extends Security {
    public SecurityNoSaml(Settings s) {
        super(s);
    }

    @Override
    public List<ActionHandler<? extends ActionRequest, ? extends ActionResponse>> getActions() {
        return super.getActions().stream().filter(h -> h.getTransportAction().getName().contains("Saml") == false).toList();
    }

    @Override
    public List<RestHandler> getRestHandlers(Settings settings, NamedWriteableRegistry nwr, RestController rc, ClusterSettings cs,
        IndexScopedSettings iss, SettingsFilter sf, IndexNameExpressionResolver r, Supplier<DiscoveryNodes> nodes, Predicate<NodeFeature> f) {
        return super.getRestHandlers(settings, nwr, rc, cs, iss, sf, r, nodes, f).stream()
            .filter(h -> h.getClass().getName().contains("saml") == false).toList();
    }
}
