package sandbox

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/psx"
)

// noCaps are the arguments of capset(2): the calling thread, and none in all
// three sets. They stand here because a variable on a stack may move.
var noCaps = struct {
	hdr  unix.CapUserHeader
	data [2]unix.CapUserData
}{hdr: unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}}

// DropCapabilities takes every capability from all threads of this process for
// good: none is left permitted, inheritable or ambient, and no program it
// starts can gain any (PR_SET_NO_NEW_PRIVS). What was opened with them stays
// open. See capabilities(7).
func DropCapabilities() error {
	if _, _, e := psx.Syscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); e != 0 {
		return fmt.Errorf("forbidding new privileges: %w", e)
	}
	if _, _, e := psx.Syscall6(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0, 0); e != 0 {
		return fmt.Errorf("dropping capabilities: %w", e)
	}
	if _, _, e := psx.Syscall3(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&noCaps.hdr)), uintptr(unsafe.Pointer(&noCaps.data[0])), 0); e != 0 {
		return fmt.Errorf("dropping capabilities: %w", e)
	}
	return nil
}
