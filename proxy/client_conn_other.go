//go:build !linux

package proxy

import "syscall"

const canSeeHangups = false

func hungUp(syscall.RawConn) bool { return false }
