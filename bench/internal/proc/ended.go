package proc

import (
	"errors"
	"syscall"
)

// errEnded says that there is no such process any more.
var errEnded = errors.New("the process has ended")

// ended turns the kernel's answer for a process that ends while it is being
// read into errEnded.
func ended(err error) error {
	if errors.Is(err, syscall.ESRCH) {
		return errEnded
	}
	return err
}
