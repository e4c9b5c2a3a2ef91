package daemon

import "runtime/debug"

// Version says what was built, of what, with which Go.
func Version() string {
	b, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	v := b.Main.Version
	for _, k := range b.Settings {
		if k.Key == "vcs.revision" {
			v += " " + k.Value
		}
	}
	return v + " " + b.GoVersion
}
