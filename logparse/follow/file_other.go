//go:build !linux

package follow

import (
	"context"
	"errors"
)

// Run is not possible here: the reading relies on /proc/self/fd.
func (f *Follower) Run(context.Context) error {
	return errors.New(`follow: following a file works on Linux only; use "exec:tail -F FILE" instead`)
}
