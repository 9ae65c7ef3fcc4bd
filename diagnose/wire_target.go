package diagnose

import "github.com/wstap/wstap/monitor"

// targetGroup is what findings call the targets that differ by an id.
func targetGroup(target string) string { return monitor.TargetGroup(target) }

// appendGroup is targetGroup for who looks a group up: it need not allocate.
func appendGroup(to []byte, target string) []byte { return monitor.AppendTargetGroup(to, target) }

func pathPart(target string) string { return monitor.TargetPath(target) }
