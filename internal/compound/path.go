package compound

// Paths are the paths of Entries, in their order: the names of the storages above
// an entry and its own, with slashes between. One that no storage leads to has its
// name alone.
func (f *File) Paths() []string {
	at := make(map[uint32]int, len(f.Entries))
	paths := make([]string, len(f.Entries))
	for i := range f.Entries {
		at[f.Entries[i].number] = i
		paths[i] = f.Entries[i].Name
	}
	type place struct {
		number uint32
		above  string
		depth  int
	}
	seen := make(map[uint32]bool, len(f.Entries))
	todo := []place{{f.root.links[2], "", 0}}
	for len(todo) > 0 {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		i, ok := at[p.number]
		if !ok || seen[p.number] || p.depth > maxDepth {
			continue
		}
		seen[p.number] = true
		e := &f.Entries[i]
		paths[i] = p.above + e.Name
		todo = append(todo, place{e.links[0], p.above, p.depth}, place{e.links[1], p.above, p.depth})
		if e.Type == Storage {
			todo = append(todo, place{e.links[2], paths[i] + "/", p.depth + 1})
		}
	}
	return paths
}

const maxDepth = 64 // storages in storages
