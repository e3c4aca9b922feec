package migrate

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Print writes the plan as SQL that the mariadb and mysql clients run as it is;
// all else is in comments.
func (p *Plan) Print(w io.Writer) error {
	out := bufio.NewWriter(w)
	p.remarks(out)
	if len(p.Steps) > 0 {
		fmt.Fprintf(out, "\n-- An ALTER waits for open transactions, and who comes later waits behind it: it gives up after %s s.\n%s;\n", patience, setPatience)
	}
	for _, s := range p.Steps {
		fmt.Fprintf(out, "\n%s%s", s.comment(s.Cost), s.text(s.Cost))
	}
	p.end(out)
	return out.Flush()
}

// Report writes what becomes of a plan that is carried out.
type Report struct {
	plan *Plan
	out  io.Writer
}

// Report writes what the reader has to know before the steps are run.
func (p *Plan) Report(w io.Writer) *Report {
	p.remarks(w)
	return &Report{p, w}
}

// Done writes a step that was run, and what it has cost.
func (r *Report) Done(s Step, cost Cost) {
	fmt.Fprintf(r.out, "\n-- done: %s%s", strings.TrimPrefix(s.comment(cost), "-- "), s.text(cost))
}

// End writes what the reader has to know after the steps.
func (r *Report) End() { r.plan.end(r.out) }

// text is what a client runs for a step.
func (s *Step) text(cost Cost) string {
	text := s.Statement(cost) + ";\n"
	if use := s.use(); use != "" {
		return use + ";\n" + text
	}
	return text
}

// comment says what a step is for and what it costs.
func (s *Step) comment(cost Cost) string {
	text := "-- " + oneLine(s.On+": "+s.For) + "\n"
	switch {
	case !s.Alter:
		return text + "-- no row is touched\n"
	case cost > Instant && s.Size != "":
		return text + "-- " + cost.String() + "; " + s.Size + "\n"
	}
	return text + "-- " + cost.String() + "\n"
}

func (p *Plan) remarks(w io.Writer) {
	for _, text := range p.Warnings {
		fmt.Fprintf(w, "-- warning: %s\n", oneLine(text))
	}
	for _, text := range p.Notes {
		fmt.Fprintf(w, "-- note: %s\n", oneLine(text))
	}
}

func (p *Plan) end(w io.Writer) {
	if len(p.Steps) == 0 {
		fmt.Fprintln(w, "-- nothing to do")
	}
	fmt.Fprintln(w, "\n-- Rights, to be adapted: 'ifmatch' stands for the service account, 'app' for what the application logs in as.")
	for _, text := range p.Rights {
		fmt.Fprintf(w, "-- %s;\n", oneLine(text))
	}
}

// oneLine keeps a text within its comment: names of tables, columns and
// constraints may have line ends in them.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}
