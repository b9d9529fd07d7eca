// The few analyzers that security's own indices ask for, which the distribution keeps in a module that Central lacks:
// lowercase, asciifolding, unique and pattern_capture filters and the uax_url_email tokenizer, by Lucene's classes.
package esnode;

import org.apache.lucene.analysis.LowerCaseFilter;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.Tokenizer;
import org.apache.lucene.analysis.email.UAX29URLEmailTokenizer;
import org.apache.lucene.analysis.miscellaneous.ASCIIFoldingFilter;
import org.apache.lucene.analysis.miscellaneous.RemoveDuplicatesTokenFilter;
import org.apache.lucene.analysis.pattern.PatternCaptureGroupTokenFilter;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.index.analysis.AbstractTokenFilterFactory;
import org.elasticsearch.index.analysis.AbstractTokenizerFactory;
import org.elasticsearch.index.analysis.NormalizingTokenFilterFactory;
import org.elasticsearch.index.analysis.PreConfiguredTokenFilter;
import org.elasticsearch.index.analysis.TokenFilterFactory;
import org.elasticsearch.index.analysis.TokenizerFactory;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.plugins.AnalysisPlugin;
import org.elasticsearch.plugins.Plugin;

import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Pattern;

public final class AnalysisShim extends Plugin implements AnalysisPlugin {
    private static AnalysisProvider<TokenFilterFactory> filter(Function<TokenStream, TokenStream> f) {
        return (i, e, n, s) -> new Filter(n, s, f);
    }

    private static final class Filter extends AbstractTokenFilterFactory implements NormalizingTokenFilterFactory {
        private final Function<TokenStream, TokenStream> f;

        Filter(String n, Settings s, Function<TokenStream, TokenStream> f) {
            super(n, s);
            this.f = f;
        }

        @Override
        public TokenStream create(TokenStream t) {
            return f.apply(t);
        }
    }

    @Override
    public Map<String, AnalysisProvider<TokenFilterFactory>> getTokenFilters() {
        return Map.of("lowercase", filter(LowerCaseFilter::new), "asciifolding", filter(ASCIIFoldingFilter::new),
            "unique", filter(RemoveDuplicatesTokenFilter::new), "pattern_capture", (i, e, n, s) -> {
                Pattern[] p = s.getAsList("patterns").stream().map(Pattern::compile).toArray(Pattern[]::new);
                boolean keep = s.getAsBoolean("preserve_original", true);
                return new Filter(n, s, t -> new PatternCaptureGroupTokenFilter(t, keep, p));
            });
    }

    @Override
    public List<PreConfiguredTokenFilter> getPreConfiguredTokenFilters() {
        return List.of(PreConfiguredTokenFilter.singleton("asciifolding", true, ASCIIFoldingFilter::new),
            PreConfiguredTokenFilter.singleton("unique", false, RemoveDuplicatesTokenFilter::new));
    }

    @Override
    public Map<String, AnalysisProvider<TokenizerFactory>> getTokenizers() {
        return Map.of("uax_url_email", (i, e, n, s) -> new AbstractTokenizerFactory(i, s, n) {
            @Override
            public Tokenizer create() {
                return new UAX29URLEmailTokenizer();
            }
        });
    }
}
