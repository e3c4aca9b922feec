package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// forgetProgram has the kernel take the pages of the program's own code and constants
// out of this process, which come back from the page cache as they are used: most of
// what the start has touched, such as the tables of a parser, is of no use later.
func forgetProgram() error {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("find the program: %w", err)
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return fmt.Errorf("read own mappings: %w", err)
	}
	defer f.Close()
	for _, m := range untouched(f, exe) {
		if _, _, errno := syscall.Syscall(syscall.SYS_MADVISE, m.start, m.end-m.start, syscall.MADV_DONTNEED); errno != 0 {
			return fmt.Errorf("give back the pages of the program: %w", os.NewSyscallError("madvise", errno))
		}
	}
	return nil
}

// A mapping is a part of a process's address space.
type mapping struct{ start, end uintptr }

// untouched gives the mappings of the file path of which every page is as it is in the
// file, and must stay so: they cannot be written to, and no page is the process's own,
// as those are that a loader has relocated. smaps is as proc(5) describes it.
func untouched(smaps io.Reader, path string) (found []mapping) {
	var at mapping
	of := false // at is of the file, and read-only
	lines := bufio.NewScanner(smaps)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		if from, to, ok := strings.Cut(fields[0], "-"); ok {
			start, err1 := strconv.ParseUint(from, 16, 64)
			end, err2 := strconv.ParseUint(to, 16, 64)
			at = mapping{uintptr(start), uintptr(end)}
			of = err1 == nil && err2 == nil && len(fields) == 6 && fields[5] == path && strings.HasPrefix(fields[1], "r-") && strings.HasSuffix(fields[1], "p")
		} else if of && fields[0] == "Anonymous:" && fields[1] == "0" {
			found = append(found, at)
		}
	}
	return found
}
