package sqltext

// Normalize appends the text with all that the server does not read blanked
// out: comments, optimizer hints, what executable comments hold that does not
// run, and the marks of those that run. Every other byte keeps its place, so a
// parser that knows no executable comments reads what the server reads.
func (t *Text) Normalize(dst []byte) []byte {
	at := len(dst)
	dst = appendBlanks(dst, len(t.SQL))
	for _, tok := range t.Tokens {
		copy(dst[at+int(tok.Start):], t.SQL[tok.Start:tok.End])
	}
	return dst
}

// Mask appends what [Text.Normalize] does, with every byte of a string's
// content replaced by x, its quotes by ', and introducers blanked out. So
// neither a character set nor an escape nor a secret matters to who reads it.
// Words that only a string's content makes right (a character set's name after
// SET NAMES) are lost with it.
func (t *Text) Mask(dst []byte) []byte {
	at := len(dst)
	dst = appendBlanks(dst, len(t.SQL))
	for _, tok := range t.Tokens {
		if tok.Kind == Introducer {
			continue
		}
		b := dst[at+int(tok.Start) : at+int(tok.End)]
		copy(b, t.SQL[tok.Start:tok.End])
		if tok.Kind != String {
			continue
		}
		if b[0] == 'n' || b[0] == 'N' {
			b = b[1:]
		}
		for i := range b {
			b[i] = 'x'
		}
		b[0], b[len(b)-1] = '\'', '\''
	}
	return dst
}

func appendBlanks(dst []byte, n int) []byte {
	at := len(dst)
	for cap(dst)-at < n {
		dst = append(dst[:cap(dst)], 0)
	}
	dst = dst[:at+n]
	for i := at; i < len(dst); i++ {
		dst[i] = ' '
	}
	return dst
}

// Shape appends the text's canonical shape, for logs: the tokens as they are
// written, joined by one blank, with a ? for each constant. It holds no value.
func (t *Text) Shape(dst []byte) []byte {
	sep := false
	for i, tok := range t.Tokens {
		if tok.Kind == Introducer {
			continue
		}
		if sep {
			dst = append(dst, ' ')
		}
		sep = true
		if tok.Kind.Constant() {
			dst = append(dst, '?')
			continue
		}
		dst = append(dst, t.Bytes(i)...)
	}
	return dst
}
