package proc

import (
	"fmt"
	"syscall"
)

// RaiseFileLimit lets this process, and those that it starts, open as many
// files as want, or as many as it may if those are fewer: more than the hard
// limit takes a privilege. It returns how many that are.
func RaiseFileLimit(want int) (int, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("read the limit of open files: %w", err)
	}
	raised := syscall.Rlimit{Cur: uint64(want), Max: max(uint64(want), limit.Max)}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised); err == nil {
		return want, nil
	}
	raised = syscall.Rlimit{Cur: limit.Max, Max: limit.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised); err != nil {
		return 0, fmt.Errorf("raise the limit of open files to %d: %w", limit.Max, err)
	}
	return int(limit.Max), nil
}
