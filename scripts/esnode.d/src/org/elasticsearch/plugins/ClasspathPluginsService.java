// Lives in this package only because PluginsService.LoadedPlugin is package-private.
package org.elasticsearch.plugins;

import org.elasticsearch.action.admin.cluster.node.info.PluginsAndModules;
import org.elasticsearch.common.settings.Settings;

import java.lang.reflect.Constructor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.ServiceLoader;

/** Takes plugin classes straight from the class path instead of modules/ directories. */
public final class ClasspathPluginsService extends PluginsService {
    private final List<LoadedPlugin> loaded;

    public ClasspathPluginsService(Settings settings, Path config, PluginsLoader loader, Collection<Class<? extends Plugin>> classes) {
        super(settings, config, loader);
        List<LoadedPlugin> out = new ArrayList<>();
        for (Class<? extends Plugin> c : classes) {
            PluginDescriptor d = new PluginDescriptor(c.getName(), "classpath", "NA", "NA",
                Integer.toString(Runtime.version().feature()), c.getName(), null, List.of(), false, false, false, false);
            out.add(new LoadedPlugin(d, loadPlugin(c, settings, config), c.getClassLoader()));
        }
        loaded = List.copyOf(out);
        loadExtensions(loaded);
    }

    @Override
    protected List<LoadedPlugin> plugins() {
        return loaded == null ? List.of() : loaded;
    }

    /** Every plugin shares one class loader here, so ask it once: asking per plugin gives duplicates. */
    @Override
    public <T> List<? extends T> loadServiceProviders(Class<T> service) {
        List<T> out = new ArrayList<>();
        ServiceLoader.load(service, getClass().getClassLoader()).stream().forEach(p -> {
            boolean wantsPlugin = false;
            for (Constructor<?> k : p.type().getConstructors()) { // a provider may want its plugin as its only argument
                if (k.getParameterCount() != 1 || Plugin.class.isAssignableFrom(k.getParameterTypes()[0]) == false) continue;
                wantsPlugin = true;
                for (LoadedPlugin lp : plugins()) {
                    if (k.getParameterTypes()[0].isInstance(lp.instance()) == false) continue;
                    try {
                        out.add(service.cast(k.newInstance(lp.instance())));
                        return;
                    } catch (ReflectiveOperationException e) {
                        throw new IllegalStateException(e);
                    }
                }
            }
            if (wantsPlugin == false) out.add(p.get()); // else its plugin is not switched on
        });
        return out;
    }

    @Override
    public PluginsAndModules info() {
        return new PluginsAndModules(List.of(), loaded == null ? List.of() : loaded.stream().map(LoadedPlugin::descriptor).toList());
    }
}
