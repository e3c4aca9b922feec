package main

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// Only what is in the file as it is in memory may be given back.
func TestUntouched(t *testing.T) {
	const smaps = `00400000-01000000 r-xp 00000000 fe:00 77     /usr/bin/ifmatch
Size:              12288 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
01000000-02000000 r--p 00c00000 fe:00 77     /usr/bin/ifmatch
Anonymous:             0 kB
02000000-02100000 r--p 01c00000 fe:00 77     /usr/bin/ifmatch
Anonymous:            16 kB
02100000-02200000 rw-p 01d00000 fe:00 77     /usr/bin/ifmatch
Anonymous:             0 kB
02200000-02300000 r--s 01d00000 fe:00 77     /usr/bin/ifmatch
Anonymous:             0 kB
7f0000000000-7f0000100000 r-xp 00000000 fe:00 78     /lib/libc.so.6
Anonymous:             0 kB
7f0000200000-7f0000300000 r--p 00000000 00:00 0
Anonymous:             0 kB
7ffc00000000-7ffc00100000 r--p 00000000 fe:00 77     /usr/bin/ifmatch (deleted)
Anonymous:             0 kB
`
	got := untouched(strings.NewReader(smaps), "/usr/bin/ifmatch")
	if want := []mapping{{0x400000, 0x1000000}, {0x1000000, 0x2000000}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

// The program goes on as before.
func TestForgetProgram(t *testing.T) {
	if err := forgetProgram(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if len(untouched(f, exe)) == 0 {
		t.Error("no mapping of the program is found")
	}
}
