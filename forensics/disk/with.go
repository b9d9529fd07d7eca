package disk

import "context"

type othersKey struct{}

// WithOthers lets every image opened with ctx be examined together with the
// images at these paths: the other disks that volumes of it lie on.
func WithOthers(ctx context.Context, paths []string) context.Context {
	return context.WithValue(ctx, othersKey{}, paths)
}

// Others are the paths that WithOthers gave.
func Others(ctx context.Context) []string {
	paths, _ := ctx.Value(othersKey{}).([]string)
	return paths
}
