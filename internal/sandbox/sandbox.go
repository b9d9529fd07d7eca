// Package sandbox closes the worker process in before it sees its first
// hostile byte: no network, no files but the descriptors it was given, no
// other programs, bounded memory and processor time. Apply is for the child;
// what it reached is reported to the parent, which decides whether it is
// enough.
package sandbox

import (
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"time"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// Limits bound the process. Zero means no limit.
type Limits struct {
	Memory uint64        // bytes of private writable memory (RLIMIT_DATA)
	CPU    time.Duration // processor time of the whole process (RLIMIT_CPU)
}

// Layers says what holds.
type Layers struct {
	Network  bool // the process is alone in a network namespace
	Landlock int  // ABI version that was applied; 0 when the kernel has none
	Seccomp  bool // the allow-list of system calls is loaded
	Limits   bool // memory, processor time, descriptors, core
	User     bool // the process is not root and cannot become it
}

// Closed reports whether neither network nor files can be reached.
func (l Layers) Closed() bool {
	return (l.Network || l.Seccomp) && (l.Landlock > 0 || l.Seccomp)
}

func (l Layers) String() string {
	var s []string
	if l.Network {
		s = append(s, "network namespace")
	}
	if l.Landlock > 0 {
		s = append(s, fmt.Sprintf("landlock abi %d", l.Landlock))
	}
	if l.Seccomp {
		s = append(s, "seccomp")
	}
	if l.Limits {
		s = append(s, "limits")
	}
	if l.User {
		s = append(s, "no root")
	}
	if len(s) == 0 {
		return "none"
	}
	return strings.Join(s, ", ")
}

// landlockABI asks the kernel for its Landlock version; 0 when it has none
// (landlock_create_ruleset(2), LANDLOCK_CREATE_RULESET_VERSION).
func landlockABI() int {
	n, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// Apply closes the calling process in, all threads of it, for good. Layers the
// kernel lacks are left out and missing from the result; a layer that is there
// and fails is an error.
func Apply(lim Limits, ownNetwork bool) (Layers, error) {
	l := Layers{Network: ownNetwork}
	if err := limit(lim); err != nil {
		return l, err
	}
	l.Limits = true
	l.User = leaveRoot() == nil
	if abi := landlockABI(); abi > 0 {
		// No rule: nothing below / may be opened, made or changed any more.
		if err := landlock.V11.BestEffort().Restrict(); err != nil {
			return l, fmt.Errorf("applying landlock: %w", err)
		}
		l.Landlock = abi
	}
	if seccomp.Supported() {
		if err := seccomp.LoadFilter(filter()); err != nil {
			return l, fmt.Errorf("loading the seccomp filter: %w", err)
		}
		l.Seccomp = true
	}
	return l, nil
}

// nobody is the user and group that own nothing (Linux overflow id).
const nobody = 65534

// leaveRoot makes a process of root one of nobody, for good. It fails in a
// user namespace that does not know nobody. It MUST come before the filter,
// which refuses it.
func leaveRoot() error {
	if unix.Geteuid() != 0 {
		return nil
	}
	if err := syscall.Setgroups(nil); err != nil {
		return fmt.Errorf("leaving the groups of root: %w", err)
	}
	if err := syscall.Setgid(nobody); err != nil {
		return fmt.Errorf("becoming group %d: %w", nobody, err)
	}
	if err := syscall.Setuid(nobody); err != nil {
		return fmt.Errorf("becoming user %d: %w", nobody, err)
	}
	return nil
}

// maxFiles is the number of descriptors the process may hold: those of one
// call, twice, and the runtime's own.
const maxFiles = 512

func limit(lim Limits) error {
	set := func(name string, what int, n uint64) error {
		if err := unix.Setrlimit(what, &unix.Rlimit{Cur: n, Max: n}); err != nil {
			return fmt.Errorf("limiting %s to %d: %w", name, n, err)
		}
		return nil
	}
	if err := set("core size", unix.RLIMIT_CORE, 0); err != nil {
		return err
	}
	if err := set("descriptors", unix.RLIMIT_NOFILE, maxFiles); err != nil {
		return err
	}
	if lim.Memory > 0 {
		if err := set("memory", unix.RLIMIT_DATA, lim.Memory); err != nil {
			return err
		}
	}
	if lim.CPU > 0 {
		return set("processor time", unix.RLIMIT_CPU, uint64((lim.CPU+time.Second-1)/time.Second))
	}
	return nil
}

// filter is the allow-list: memory, threads, signals within the process, clocks,
// and reading and writing descriptors that are already open. Everything else is
// refused with EPERM; clone3 with ENOSYS, so that the C library falls back to
// clone, whose flags can be seen.
func filter() seccomp.Filter {
	names := []string{
		"read", "readv", "pread64", "preadv", "write", "writev", "lseek", "fstat", "close", "poll", "ppoll",
		"epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd2", "pipe2", "select", "pselect6",
		"sendmsg", "recvmsg", "sendto", "recvfrom", "shutdown", "getsockopt",
		"munmap", "mremap", "madvise", "mincore", "brk", "membarrier", "ftruncate", "pwrite64",
		"futex", "set_robust_list", "get_robust_list", "rseq", "gettid", "getpid", "getuid", "geteuid", "getgid", "getegid",
		"sched_yield", "sched_getaffinity", "getcpu", "nanosleep", "clock_nanosleep", "clock_gettime", "clock_getres",
		"gettimeofday", "time", "times", "getrusage", "getrandom", "sysinfo", "uname", "restart_syscall",
		"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sigaltstack", "timer_create", "timer_settime", "timer_delete",
		"setitimer", "exit", "exit_group",
	}
	if runtime.GOARCH != "amd64" {
		names = drop(names, "poll", "epoll_wait", "select", "time")
	} else {
		names = append(names, "arch_prctl")
	}
	pid := uint64(unix.Getpid())
	when := func(name string, argument uint32, op seccomp.Operation, value uint64) seccomp.NameWithConditions {
		return seccomp.NameWithConditions{Name: name, Conditions: seccomp.ArgumentConditions{{Argument: argument, Operation: op, Value: value}}}
	}
	conditions := []seccomp.NameWithConditions{
		when("clone", 0, seccomp.BitsSet, unix.CLONE_THREAD),
		when("tgkill", 0, seccomp.Equal, pid), when("kill", 0, seccomp.Equal, pid),
		// No memory becomes code after the start: neither libyara (its rules
		// are interpreted) nor libtsk makes any.
		when("mmap", 2, seccomp.BitsNotSet, unix.PROT_EXEC), when("mprotect", 2, seccomp.BitsNotSet, unix.PROT_EXEC),
		// Its own limits may be read; those of other processes are not its business.
		{Name: "prlimit64", Conditions: seccomp.ArgumentConditions{{Argument: 0, Operation: seccomp.Equal}, {Argument: 2, Operation: seccomp.Equal}}},
	}
	// F_SETOWN with F_SETSIG would send any signal to any process of the user.
	for _, cmd := range []uint64{unix.F_GETFD, unix.F_SETFD, unix.F_GETFL, unix.F_SETFL, unix.F_DUPFD_CLOEXEC} {
		conditions = append(conditions, when("fcntl", 1, seccomp.Equal, cmd))
	}
	return seccomp.Filter{
		NoNewPrivs: true,
		Flag:       seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{
			DefaultAction: seccomp.ActionErrno,
			Syscalls: []seccomp.SyscallGroup{
				{Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS), Names: []string{"clone3"}},
				{Action: seccomp.ActionAllow, Names: names, NamesWithCondtions: conditions},
			},
		},
	}
}

func drop(list []string, out ...string) []string {
	var kept []string
	for _, s := range list {
		keep := true
		for _, o := range out {
			keep = keep && s != o
		}
		if keep {
			kept = append(kept, s)
		}
	}
	return kept
}
