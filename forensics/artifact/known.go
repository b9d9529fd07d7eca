package artifact

import "embed"

// Known are the answers that the samples of the formats must give, as the golden
// test states them: what the self-test of a laboratory compares with.
//
//go:embed testdata/*.txt
var Known embed.FS
