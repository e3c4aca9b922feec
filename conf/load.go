package conf

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"ifmatch/fault"
)

// Load completes a Config whose flags have been parsed: what no flag gave is
// taken from the file that --config names and, for the service password, before
// that from the environment. Then it validates the whole. fs is the set that
// was parsed, c what it writes to, env is os.Getenv or a stand-in.
//
// Every error but that of a file that cannot be read is a *UsageError; a file
// that cannot be read is named, and the system's error wrapped.
func Load(fs *pflag.FlagSet, c *Config, env func(string) string) error {
	l := loader{given: fs, origins: make(map[string]fault.Position)}
	// All settings, bound to c, whichever of them the command has as flags.
	l.all = pflag.NewFlagSet("", pflag.ContinueOnError)
	c.settings(l.all)
	if password := env(passwordEnv); password != "" && !fs.Changed(passwordFlag) {
		c.ServicePassword = password
		l.origins[passwordFlag] = fault.Position{File: passwordEnv}
	}
	c.ContextsPassword = env(redisPasswordEnv)
	if f := fs.Lookup(configFlag); f != nil && f.Value.String() != "" {
		src, err := os.ReadFile(f.Value.String())
		if err != nil {
			return fmt.Errorf("read configuration: %w", err)
		}
		l.file(f.Value.String(), src)
	}
	// A password from the environment may be there for another command.
	if c.ServiceUser == "" && c.ServicePassword != "" && l.origins[passwordFlag].File != passwordEnv {
		l.faults.Add(place(passwordFlag), "stands without --service-user, whose password it is")
	}
	l.faults = append(l.faults, c.faults()...)
	for i, f := range l.faults {
		name := flagOf(f.Pos)
		if at, ok := l.origins[name]; ok {
			l.faults[i] = fault.Fault{Pos: at, Text: strconv.Quote(name) + " " + f.Text}
		}
	}
	return usageError(l.faults)
}

// loader is one Load.
type loader struct {
	given, all *pflag.FlagSet
	origins    map[string]fault.Position // of settings that came from no flag
	faults     fault.List
}

func (l *loader) file(name string, src []byte) {
	root, faults := fault.ReadYAML(name, src)
	l.faults = append(l.faults, faults...)
	if root == nil {
		return
	}
	if root.Kind != fault.Mapping {
		l.faults.Add(root.Pos, "wants a mapping of settings to values, has %s", root.Kind)
		return
	}
	var known []string
	l.all.VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	for _, p := range root.Pairs {
		setting := l.all.Lookup(p.Key)
		switch {
		case p.Key == configFlag:
			l.faults.Add(p.Pos, "key \"config\" cannot stand in the file that it names")
		case setting == nil:
			l.faults.Add(p.Pos, "unknown key %q%s", p.Key, fault.DidYouMean(p.Key, known))
		default:
			l.set(setting, p)
		}
	}
}

// set gives a setting the value of the file, unless a flag or the environment
// has it already. The value is checked all the same.
func (l *loader) set(setting *pflag.Flag, p fault.Pair) {
	text := p.Value.Text
	wanted, ok := "", false
	switch setting.Value.Type() {
	case "bool":
		wanted, ok = "true or false", p.Value.Kind == fault.Bool
	case "int":
		wanted, ok = "a whole number", p.Value.Kind == fault.Integer
	case "duration":
		wanted = "a duration with a unit, such as 30s"
		_, err := time.ParseDuration(text)
		// 0 needs no unit.
		ok = err == nil && (p.Value.Kind == fault.String || p.Value.Kind == fault.Integer)
	default:
		wanted, ok = "a text", p.Value.Kind == fault.String
	}
	if !ok {
		has := p.Value.Describe()
		if setting.Name == passwordFlag {
			has = p.Value.Kind.String()
		}
		quote := ""
		if wanted == "a text" && p.Value.Scalar() && text != "" {
			quote = "; put it in quotes"
		}
		l.faults.Add(p.Value.Pos, "%q wants %s, has %s%s", p.Key, wanted, has, quote)
		return
	}
	if _, fromEnv := l.origins[setting.Name]; fromEnv || l.given.Changed(setting.Name) {
		return
	}
	if err := setting.Value.Set(text); err != nil {
		l.faults.Add(p.Value.Pos, "%q wants %s that fits into 64 bits, has %s", p.Key, wanted, p.Value.Describe())
		return
	}
	l.origins[setting.Name] = p.Value.Pos
}

// place is where a setting stands for the user who gave no file.
func place(name string) fault.Position { return fault.Position{File: "--" + name} }

func flagOf(pos fault.Position) string {
	if pos.Line != 0 || len(pos.File) < 2 {
		return ""
	}
	return pos.File[2:]
}
