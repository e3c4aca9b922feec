package control

// OfRows reports whether a statement that begins with the word, and not with a
// label, reads or writes rows: it is Plain, whatever follows.
func OfRows(first []byte) bool {
	var verb string
	switch len(first) {
	case 4:
		verb = "WITH"
	case 6:
		switch first[0] | 0x20 {
		case 's':
			verb = "SELECT"
		case 'i':
			verb = "INSERT"
		case 'u':
			verb = "UPDATE"
		case 'd':
			verb = "DELETE"
		}
	case 7:
		verb = "REPLACE"
	}
	if len(verb) != len(first) || verb == "" {
		return false
	}
	for i, c := range first {
		if c&^0x20 != verb[i] {
			return false
		}
	}
	return true
}
