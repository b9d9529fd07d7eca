// Stand-ins for field types that Central does not carry (they live in modules and in x-pack), indexed as the
// nearest type of the server, which is NOT the real implementation: wildcard -> keyword, match_only_text -> text.
package esnode;

import org.elasticsearch.index.mapper.KeywordFieldMapper;
import org.elasticsearch.index.mapper.Mapper;
import org.elasticsearch.index.mapper.TextFieldMapper;
import org.elasticsearch.plugins.MapperPlugin;
import org.elasticsearch.plugins.Plugin;

import java.util.Map;

public final class ShimPlugin extends Plugin implements MapperPlugin {
    @Override
    public Map<String, Mapper.TypeParser> getMappers() {
        return Map.of("wildcard", KeywordFieldMapper.PARSER, "match_only_text", TextFieldMapper.PARSER);
    }
}
