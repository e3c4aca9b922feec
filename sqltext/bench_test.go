package sqltext

import (
	"strings"
	"testing"
)

const (
	benchUpdate = "UPDATE products SET name='chair', price=1250 WHERE id=100417"
)

var benchSelect = "SELECT " + strings.Repeat("p.name, p.price, c.title AS category, ", 20) +
	"p.id FROM products p JOIN categories c ON c.id = p.category_id WHERE p.price >= 100 AND c.title <> 'chairs' " +
	"AND p.name LIKE '%oak%' ORDER BY p.price DESC, p.name LIMIT 50 OFFSET 100 /* list page */"

func benchmarkLex(b *testing.B, sql string) {
	var text Text
	src := []byte(sql)
	lx := mysql97
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		if err := text.Lex(src, &lx); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLexUpdate(b *testing.B) { benchmarkLex(b, benchUpdate) }
func BenchmarkLexSelect(b *testing.B) { benchmarkLex(b, benchSelect) }

// benchmarkScan is what a statement costs that names nothing looked for.
func benchmarkScan(b *testing.B, sql string) {
	var sieve Sieve
	sieve.Add("orders")
	src := []byte(sql)
	lx := mysql97
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		var scan Scan
		scan.Start(src, &lx, Doubt{})
		if scan.First() == nil || scan.Next(&sieve) != nil || !scan.Sure() {
			b.Fatal("it is not known")
		}
	}
}

const benchPoint = "SELECT c FROM sbtest1 WHERE id=5023"

func BenchmarkLexPoint(b *testing.B)   { benchmarkLex(b, benchPoint) }
func BenchmarkScanPoint(b *testing.B)  { benchmarkScan(b, benchPoint) }
func BenchmarkScanSelect(b *testing.B) { benchmarkScan(b, benchSelect) }

func BenchmarkHashUpdate(b *testing.B) {
	text := lex(b, benchUpdate, mysql97)
	b.ReportAllocs()
	for b.Loop() {
		text.Hash(0, len(text.Tokens))
	}
}

func BenchmarkMaskUpdate(b *testing.B) {
	text := lex(b, benchUpdate, mysql97)
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = text.Mask(dst[:0])
	}
}

// The hot path allocates nothing once its buffers have grown.
func TestNoAllocation(t *testing.T) {
	sql := []byte("/*! UPDATE */ t SET a='x', b=_utf8'y' WHERE id=1 /* ifmatch: version=9 */; SELECT 1")
	var text Text
	lx := mysql97
	var spans []Span
	var dst []byte
	n := testing.AllocsPerRun(100, func() {
		if err := text.Lex(sql, &lx); err != nil {
			t.Fatal(err)
		}
		spans = text.Statements(spans[:0])
		text.Hash(0, len(text.Tokens))
		dst = text.Mask(text.Normalize(text.Shape(dst[:0])))
		dst, _ = text.StringValue(dst, 6)
		var scan Scan
		scan.Start(sql, &lx, Doubt{})
		scan.First()
		scan.Next(everything)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
