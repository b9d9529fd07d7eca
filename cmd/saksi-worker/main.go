// Command saksi-worker holds all C code and parses all hostile disks and
// files. saksi starts it; by hand it only tells its versions.
package main

import (
	"fmt"
	"os"

	"saksi/forensics/artifact"
	"saksi/internal/libmagic"
	"saksi/internal/libpcap"
	"saksi/internal/libyara"
	"saksi/internal/token"
	"saksi/internal/tsk"
	"saksi/internal/tskworker"
	"saksi/internal/worker"
)

// version is set by the release build; saksi's must equal it.
var version = "dev"

func main() {
	if worker.Serving(os.Args[1:]) {
		handlers := map[string]worker.Handler{}
		for _, more := range []map[string]worker.Handler{libyara.Handlers(), tskworker.Handlers(), libpcap.Handlers(), libmagic.Handlers(), artifact.Handlers(), token.Handlers()} {
			for op, h := range more {
				handlers[op] = h
			}
		}
		if err := worker.Serve(os.Args[1:], version, handlers); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) == 2 && os.Args[1] == "version" {
		fmt.Printf("saksi-worker %s\nlibyara %s\nlibtsk %s\n%s\nlibmagic %s\n", version, libyara.Version(), tsk.Version(), libpcap.Version(), libmagic.Version())
		return
	}
	fmt.Fprintln(os.Stderr, "saksi-worker is started by saksi; by hand: saksi-worker version")
	os.Exit(2)
}
